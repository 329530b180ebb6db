from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from simqueue.errors import UsageError
from simqueue.model.config import Config, Faults


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"start": datetime(2031, 5, 4, 3, 2)}, "whole minute"),  # noqa: DTZ001
        ({"start": datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)}, "whole minute"),
        ({"start": datetime(1, 1, 1, tzinfo=UTC)}, "in the years 2 to 9998"),
        ({"start": datetime(9999, 1, 1, tzinfo=UTC)}, "in the years 2 to 9998"),
        ({"limit": 5}, "Config.limit must be a .*timedelta.*, not 5"),
        ({"limit": timedelta(seconds=-1)}, "must not be negative"),
        ({"hop": timedelta(microseconds=-1)}, "must not be negative"),
        ({"steps_per_instant_max": 1.5}, "steps_per_instant_max must be a .*int.*, not 1.5"),
        ({"steps_per_instant_max": True}, "not True"),
        ({"steps_per_instant_max": 0}, "1 or more"),
        ({"faults": "network"}, "Config.faults must be a .*Faults.*, not 'network'"),
        ({"without": "no-orphan"}, "Config.without must be a tuple"),
        ({"log_level": "LOUD"}, "one of DEBUG, INFO"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_its_name(settings, problem):
    with pytest.raises(UsageError, match=problem):
        Config(**settings)


def test_a_config_is_read_back_as_it_was_written():
    config = Config(limit=timedelta(hours=3), without=("no-orphan",), faults=Faults())
    assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config


def test_the_first_instant_is_told_in_unix_time():
    assert Config(start=datetime(1970, 1, 1, 0, 1, tzinfo=UTC)).epoch_us == 60_000_000


def test_a_run_ends_before_dates_do():
    assert Config().limit_us == 86_400_000_000
    for start in (datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)):
        config = Config(start=start, limit=timedelta.max)
        end = start + timedelta(microseconds=config.limit_us)
        assert end.date().isoformat() == "9999-12-30"
