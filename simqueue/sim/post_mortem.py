"""Post-mortem: the frames in which a run failed, kept for a debugger."""

from __future__ import annotations

from collections.abc import Iterable
from types import FrameType, TracebackType

from simqueue.sim.code.places import is_users, waiting_frames
from simqueue.sim.text.failing import alone
from simqueue.sim.world import World

_Spot = tuple[FrameType, int, int]
"""A frame, the instruction that it has reached, and its line."""


def scene(world: World) -> TracebackType | None:
    """Return a traceback that ends where the user's code made the run fail.

    That is where the error was raised, or else where the scenario waits, if it still does.
    """
    if world.core.culprit is not None:
        return _traceback(_raised(world.core.culprit))
    return _traceback(_waiting(world))


def _raised(error: BaseException) -> list[_Spot]:
    """Return the frames of an error; of a group of one, those of its member."""
    spots, link = list[_Spot](), alone(error).__traceback__
    while link is not None:
        spots.append((link.tb_frame, link.tb_lasti, link.tb_lineno))
        link = link.tb_next
    return spots


def _waiting(world: World) -> list[_Spot]:
    main = next((each.main for each in world.scheduler.processes if each.name == "scenario"), None)
    frames: Iterable[FrameType] = () if main is None else waiting_frames(main.get_coro())
    return [(frame, frame.f_lasti, frame.f_lineno) for frame in frames]


def _traceback(spots: list[_Spot]) -> TracebackType | None:
    """Return the spots as a traceback, without the calls of the user's innermost code."""
    users = [n for n, (frame, _, _) in enumerate(spots) if is_users(frame.f_code.co_filename)]
    made: TracebackType | None = None
    for frame, instruction, line in reversed(spots[: users[-1] + 1] if users else spots):
        made = TracebackType(made, frame, instruction, line)
    return made
