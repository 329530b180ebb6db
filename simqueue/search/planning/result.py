"""Results: how one run of a campaign ended."""

from __future__ import annotations

import msgspec

from simqueue.model.bounds import Position
from simqueue.model.trace import Trace
from simqueue.search.planning.coverage import NOTHING, Evidence


class Result(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="line",
    tag="run",
):
    """How the ``number``-th run ended; also a line of a campaign's state.

    ``strategy`` is how it was made, ``signature`` its failure's, None if it passed. The ``trace``
    comes with a failure if its process met none before with that signature and a lower number,
    unless it is accepted. ``lost`` says how its process was lost, if it was. ``killed`` says how
    a process that played it before was killed from outside: the run was then played once more.
    ``leaked`` names what outlives the runs, if this run failed after others and passes alone or
    fails in another way; the other fields then describe the run that was played alone. ``printed``
    is the end of what a run printed that comes with a trace; a campaign's state does not hold it.
    """

    number: Position
    strategy: str = ""
    signature: str | None = None
    trace: Trace | None = None
    lost: str = ""
    evidence: Evidence = NOTHING
    leaked: str = ""
    killed: str = ""
    printed: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it was lost because its processes were killed: a resumed campaign plays it."""
        return bool(self.lost and self.killed)
