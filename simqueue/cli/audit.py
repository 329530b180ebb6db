"""``simqueue audit``: plays a seed under different conditions."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.configs import Overrides, config_for, takes_config
from simqueue.cli.options import (
    FaultsOption,
    SeedOption,
    TargetArgument,
    WithoutOption,
)
from simqueue.terminal import say

if TYPE_CHECKING:
    from simqueue.search.audit.audit import Circumstance


@takes_config
def audit_command(
    target: TargetArgument,
    seed: SeedOption = 0,
    faults: FaultsOption = None,
    without: WithoutOption = None,
    overrides: Overrides = Overrides(),  # noqa: B008  frozen
) -> None:
    """Check that one seed always gives the same run.

    The seed is played twice here, the second time with a disturbed heap, and in fresh processes
    with other values of PYTHONHASHSEED and other addresses. If two runs differ, more are played to
    find the cause, such as the order of a set. Exit status: 0 all runs are the same, 1 two differ.

    \b
    Example:
      simqueue audit scenarios/lost_update.py --seed 7
    """  # noqa: D301  the backspace keeps lines apart
    config_for(None, faults, without, overrides)  # before a module is imported
    from simqueue.search.audit.audit import audit
    from simqueue.search.target import load_target

    loaded = load_target(target)
    config = config_for(loaded.config, faults, without, overrides)
    audited = audit(loaded, seed=seed, config=config, on_progress=_show)
    events, python = len(audited.trace.events), platform.python_version()
    if audited.same:
        say(f"the same in all: {events} events, digest {audited.trace.digest}, {python}")
    for cause in audited.causes:
        say(f"Cause: {cause}")
    raise typer.Exit(0 if audited.same else 1)


def _show(circumstance: Circumstance) -> None:
    difference = circumstance.difference
    if difference is None:
        say(f"same    {circumstance.name}")
        return
    say(
        f"DIFFER  {circumstance.name}: at event {difference.number} (by {difference.actor})\n"
        f"        the first run has {difference.one}\n"
        f"        this one has      {difference.other}"
    )


def record_command(
    target: Annotated[str, typer.Argument()],
    seed: Annotated[int, typer.Argument()],
    config: Annotated[str, typer.Argument(help="As JSON.")],
    file: Annotated[str, typer.Argument()],
    sets: Annotated[str | None, typer.Argument(help="For the orders of sets, as JSON.")] = None,
) -> None:
    """Run one seed under the PYTHONHASHSEED of the environment, and write its trace."""
    from simqueue.search.audit.recordings import decode_config
    from simqueue.search.audit.set_orders import watched_for_sets
    from simqueue.search.target import load_target
    from simqueue.sim.run import run

    loaded = load_target(target)
    settings = decode_config(config)
    with watched_for_sets(sets) as watch:
        played = run(loaded.scenario, seed=seed, config=settings, target=loaded.name, watch=watch)
    played.trace.save(file)
