from datetime import timedelta

from simqueue.check.owed import latency
from simqueue.model.config import Config


def test_the_longest_settings_can_be_added():
    config = Config(**dict.fromkeys(("hop", "hop_max", "commit_max", "lag_max"), timedelta.max))
    longest = timedelta.max // timedelta(microseconds=1)
    assert latency(config, 3) == 3 * 5 * longest + 2 * longest
