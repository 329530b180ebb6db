from simqueue.store import Names
def names_in_force(epoch_us): return Names(epoch_us=epoch_us)
