import typing

import msgspec
import pytest

from simqueue.model import events as e
from simqueue.report.units import moment
from simqueue.report.words import payload_words, words

SAMPLES = {int: 7, str: "text", bool: True, bytes: b"x"}


def value_of(hint):
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return (value_of(arguments[0]),)
    if typing.get_origin(hint) is typing.Literal:
        return arguments[0]
    if arguments:  # a union with None
        return value_of(arguments[0])
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return sample(hint)
    return SAMPLES[getattr(hint, "__supertype__", hint)]


def sample(event):
    """An event with each field filled in by its type."""
    fields = msgspec.structs.fields(event)
    return event(**{field.name: value_of(field.type) for field in fields})


ALL = typing.get_args(e.StoreEvent) + typing.get_args(e.WorldEvent)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.__name__)
def test_every_event_has_words_of_its_own(event):
    said = words(sample(event))
    assert said
    assert all(said != words(sample(other)) for other in ALL if other is not event)


def test_time_is_told_in_seconds_to_the_microsecond():
    assert moment(12_345_678) == "+12.345678s"
    assert moment(0) == "+0.000000s"
    assert moment(-1_500_000) == "-1.500000s"


def test_a_stale_pick_names_who_held_the_job():
    pick = e.JobPicked(3, "m2", slot=1, previous="m1", stale=True)
    assert words(pick) == "takes over stale job 3 into slot 1 from manager m1"


def test_a_long_payload_is_cut_and_its_length_told():
    assert payload_words(b"a" * 100) == f"{b'a' * 40!r}... (100 bytes)"
