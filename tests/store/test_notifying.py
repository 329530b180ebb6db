from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simqueue.model.ids import Instant, Operation
from simqueue.store import Names, render_table_changed

SOME_MORNING = 1_704_067_200_000_000


def test_the_payload_is_spaced_as_postgresql_spaces_it() -> None:
    names = Names(queue_table="jobs", channel="ch", epoch_us=SOME_MORNING)
    assert render_table_changed(names, "insert", Instant(1_500_000)) == (
        '{"channel" : "ch", "operation" : "insert", "sent_at" : "2024-01-01T00:00:01.5+00:00", '
        '"table" : "jobs", "type" : "table_changed_event"}'
    )


@pytest.mark.parametrize(
    ("micros", "expected"),
    [
        (0, "00:00:00+00:00"),
        (1, "00:00:00.000001+00:00"),
        (120_000, "00:00:00.12+00:00"),
        (3_000_000, "00:00:03+00:00"),
        (86_399_999_990, "23:59:59.99999+00:00"),
    ],
)
def test_a_fraction_has_no_zeros_at_its_end(micros: int, expected: str) -> None:
    payload = render_table_changed(Names(epoch_us=SOME_MORNING), "delete", Instant(micros))
    assert json.loads(payload)["sent_at"] == f"2024-01-01T{expected}"


@pytest.mark.parametrize("operation", ["insert", "delete", "truncate"])
def test_the_operation_is_named(operation: Operation) -> None:
    assert (
        json.loads(render_table_changed(Names(), operation, Instant(0)))["operation"] == operation
    )


@given(st.integers(0, 4_000_000_000_000_000))
def test_the_time_can_be_read_back(micros: int) -> None:
    payload = json.loads(render_table_changed(Names(), "insert", Instant(micros)))
    sent = datetime.fromisoformat(payload["sent_at"])
    assert int(sent.timestamp()) * 1_000_000 + sent.microsecond == micros
