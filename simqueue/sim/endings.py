"""Endings: turns the ways in which a run can end before its scenario into failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simqueue.sim.kernel.core import Hang
from simqueue.sim.kernel.scheduler import Deadlock, Livelock, TimeLimit
from simqueue.sim.text.failing import ending, fail_by, settle_refusal
from simqueue.sim.world import World


@contextmanager
def endings(world: World) -> Iterator[None]:
    """Turn the ways in which a world can end before its scenario into failures."""
    try:
        with _exhaustion(world):
            yield
    except Hang:
        """The world has failed already."""
    finally:
        world.core.interruptible = False
        settle_refusal(world.core)


@contextmanager
def _exhaustion(world: World) -> Iterator[None]:
    """Fail a run in which nothing more can happen; that may run the user's code, too."""
    loop, scheduler = world.loop, world.scheduler
    try:
        yield
    except Deadlock:
        message = "nothing can ever run again; these tasks wait"
        world.core.fail(ending("deadlock", message, loop.unfinished()))
    except Livelock:
        message = (
            f"{scheduler.steps_per_instant_max} steps ran until "
            f"+{scheduler.now / 1_000_000:.6f}s and at no moment was there nothing to run; process "
            f"{scheduler.current.name} ran last, and these tasks are not done"
        )
        world.core.fail(ending("livelock", message, loop.unfinished()))
    except TimeLimit:
        message = (
            f"the run reached its limit of {world.config.limit} virtual time; these tasks wait"
        )
        if not (world.judge.give_up() or world.judge.concluding):
            world.core.fail(ending("timeout", message, loop.unfinished()))
    except (SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) and scheduler.interrupted():
            raise
        fail_by(world.core, error)
