"""Time travel of the user's, inside of runs and around them."""

import asyncio
import datetime as dt
import os
import time
from unittest import mock

import freezegun
import pytest
import time_machine

from simqueue.errors import UsageError
from simqueue.sim.run import run

NEW_YEAR = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def test_a_travel_within_a_run_goes_on_in_virtual_time():
    async def scenario(sim):
        with time_machine.travel(NEW_YEAR, tick=True):
            began = time.time()
            sum(range(100_000))
            assert time.time() == began == NEW_YEAR.timestamp()
            await asyncio.sleep(5)
            assert time.time() == began + 5
            assert dt.datetime.now(dt.UTC) == NEW_YEAR + dt.timedelta(seconds=5)

    run(scenario).check()


def test_a_travel_that_a_run_does_not_end_is_over_after_it():
    async def scenario(sim):
        time_machine.travel(NEW_YEAR).start()

    run(scenario).check()
    assert not time_machine.traveller_stack
    assert dt.datetime.now(dt.UTC) < NEW_YEAR


def test_a_run_that_empties_the_environment_ends_like_any_other():
    async def scenario(sim):
        os.environ.clear()

    zone = os.environ.get("TZ")
    with mock.patch.dict(os.environ):
        run(scenario).check()
        assert not time_machine.traveller_stack
        assert os.environ.get("TZ") == zone


def test_freezegun_around_a_run_is_refused_in_one_sentence():
    async def scenario(sim):
        pass

    with freezegun.freeze_time("2030-01-01"):
        with pytest.raises(UsageError, match=r"freezegun has replaced the clock.*Config\(start="):
            run(scenario)
        assert dt.datetime.now(dt.UTC).year == 2030  # it is still in place
