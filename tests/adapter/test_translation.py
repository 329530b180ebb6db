import copy
import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from pgqueuer.domain import models
from pydantic import ValidationError

from simqueue.adapter.translation import Calendar, build_jobs, columns, microseconds
from simqueue.model.rows import JobRow

START = datetime(2024, 1, 1, tzinfo=UTC)
EPOCH_US = 1_704_067_200_000_000
MANAGER = "11111111-1111-1111-1111-111111111111"
TIMES = ("created", "updated", "heartbeat", "execute_after")
PICKED = JobRow(7, 2, 0, 1, 2, 3, "picked", "charge", "key", b"x", "null", 1, MANAGER, 4)
QUEUED = JobRow(8, -1, 0, 0, 0, 9, "queued", "charge", None, None, None, 0, None, None)
TRACED = msgspec.structs.replace(PICKED, headers='{"trace":{"id":"7"}}')


@pytest.mark.parametrize("row", [PICKED, QUEUED, TRACED], ids=["picked", "queued", "traced"])
def test_a_job_is_in_every_respect_what_validating_its_row_gives(row):
    (job,) = build_jobs([row], Calendar(EPOCH_US))
    validated = models.Job.model_validate(columns(row, Calendar(EPOCH_US), *TIMES))
    assert job == validated
    assert list(vars(job)) == list(models.Job.model_fields)
    assert {name: type(value) for name, value in job} == {
        name: type(value) for name, value in validated
    }
    assert job.model_fields_set == validated.model_fields_set
    assert (job.model_extra, job.__pydantic_private__) == (None, None)
    assert job.model_dump_json() == validated.model_dump_json()
    assert pickle.loads(pickle.dumps(job)) == copy.deepcopy(job) == job.model_copy() == validated


def test_jobs_share_nothing_that_can_be_changed():
    first, second = build_jobs([PICKED, PICKED], Calendar(EPOCH_US))
    first.priority = 9
    first.model_fields_set.clear()
    assert second.priority == 2
    assert second.model_fields_set == set(models.Job.model_fields)


def test_headers_that_are_no_object_are_refused_as_pgqueuer_refuses_them():
    with pytest.raises(ValidationError):
        build_jobs([msgspec.structs.replace(PICKED, headers="[1]")], Calendar(0))


def test_a_calendar_counts_from_its_epoch_to_the_microsecond():
    calendar = Calendar(EPOCH_US)
    assert calendar[0] == START
    assert calendar[86_400_000_001] == START + timedelta(days=1, microseconds=1)
    assert calendar[-1] == START - timedelta(microseconds=1)
    assert calendar[5] is calendar[5]


def test_a_duration_is_rounded_down_to_whole_microseconds():
    assert microseconds(timedelta(days=1, microseconds=1)) == 86_400_000_001
    assert microseconds(timedelta(microseconds=-1)) == -1
