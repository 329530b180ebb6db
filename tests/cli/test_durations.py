from datetime import timedelta

import pytest

from simqueue.cli.durations import duration, instant_us, length
from simqueue.errors import UsageError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90", timedelta(seconds=90)),
        ("60s", timedelta(seconds=60)),
        ("5m", timedelta(minutes=5)),
        ("1.5h", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("5ms", timedelta(milliseconds=5)),
        ("0.001ms", timedelta(microseconds=1)),
        ("500us", timedelta(microseconds=500)),
        ("0.1", timedelta(milliseconds=100)),
        ("0", timedelta(0)),
        ("0h", timedelta(0)),
    ],
)
def test_a_length_is_read_to_the_microsecond(text, wanted):
    assert length(text, "--limit") == wanted


@pytest.mark.parametrize("text", ["", "s", "1.s", "-1", "1 s", "1e3", "٣s", "1min", "1sm", "nan"])
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError, match=r"--limit .*: write a number of seconds"):
        length(text, "--limit")


def test_a_duration_that_must_not_be_nothing_is_not():
    assert duration("1us") == timedelta(microseconds=1)
    assert duration("0.0000001s") == timedelta(0)
    with pytest.raises(UsageError, match="--time 0s: write a number of seconds"):
        duration("0s")


def test_an_instant_may_have_a_sign_and_less_than_a_microsecond():
    assert instant_us("+4.5s", "--from") == 4_500_000
    assert instant_us("0.0000014", "--from") == 1
