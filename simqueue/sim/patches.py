import contextlib, random, uuid, time_machine, os, gc
from datetime import datetime
from zoneinfo import ZoneInfo
from unittest import mock
@contextlib.contextmanager
def patched(world, seed):
    st=random.getstate(); random.seed(seed); r=random.Random(seed)
    t=time_machine.travel(datetime.fromtimestamp(world.wall_ns()/1e9,ZoneInfo('UTC')),tick=False)
    tr=t.start(); tr.time_ns=world.wall_ns
    class S:
        def state(self): return str(random.getstate())[-20:]
    gc.disable(); gc.freeze()
    with mock.patch("os.urandom", lambda n: r.randbytes(n)), mock.patch("time.sleep",world.sleep):
        try: yield S()
        finally:
            t.stop(); random.setstate(st); gc.unfreeze(); gc.enable()
