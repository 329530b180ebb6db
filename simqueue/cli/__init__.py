"""The command line: read options, call one function, print one report.

``app``        all commands, and how errors become exit statuses
``new``        a first scenario for an application
``run``        one run
``fuzz``       campaigns
``merge``      the shards of campaigns, told as one
``campaigns``  one target's part of ``fuzz``
``settings``   what is the same for all its targets
``saved``      failures that were saved before a campaign
``found``      failures that it found
``summaries``  what came of it, printed and written for other programs
``progress``   bars on a terminal
``replay``     a trace again
``debugger``   a prompt where it failed
``shrink``     a trace made simpler
``accept``     a failure made known
``audit``      a seed under other circumstances
``show``       a run's story, some of its events, its tables after one
``reading``    what needs no run: two traces' difference, the table of entropy
``nearest``    the passing run that is most like a failing one, beside it
``inevitable`` when a failure became inevitable
``serve``      a trace in PgQueuer's own dashboard
``export``     a trace for other people's viewers
``report``     a run as one HTML page
``live``       events on the terminal while they happen
``painting``   colours for a person at a terminal
``options``    what several commands take
"""

from __future__ import annotations

import os
import sys

_PINNED_BY = "SIMQUEUE_PINNED"
_UNPINNED = ("_record",)
"""Commands that run under whatever PYTHONHASHSEED they are given."""


def main() -> None:
    """Run the command line under a pinned PYTHONHASHSEED; never returns."""
    pin_environment()
    if sys.flags.optimize:
        print(  # noqa: T201
            "simqueue: python -O leaves out every assert, also those that scenarios are made of",
            file=sys.stderr,
        )
    from simqueue.cli.app import app

    app(prog_name="simqueue")


def pin_environment() -> None:
    """Start this process again with PYTHONHASHSEED=0 and fixed addresses, unless it has both.

    The order of a set of strings follows from the one, that of a set of functions or, before Python
    3.12, of tuples with None from the other. Neither can be changed later.
    """
    if sys.argv[1:2] in ([name] for name in _UNPINNED):
        return
    me = str(os.getpid())  # kept by execv, and not shared with a process started from here
    restarted = os.environ.get(_PINNED_BY) == me
    if not sys.flags.hash_randomization:
        if not restarted and not _debugged() and _fix_addresses():
            _start_again(me)
    elif restarted:
        print(  # noqa: T201
            "simqueue: PYTHONHASHSEED=0 has no effect here (python -I or -E?): runs of code that "
            "depends on the order of sets of strings will not repeat",
            file=sys.stderr,
        )
    elif "pydevd" in sys.modules:  # the debugger of VS Code and PyCharm
        print(  # noqa: T201
            "simqueue: the debugger would be lost if PYTHONHASHSEED were pinned now: set it to 0 "
            "in its configuration, lest runs of code that depends on the order of sets of strings "
            "do not repeat",
            file=sys.stderr,
        )
    else:
        _fix_addresses()
        _start_again(me)


def _debugged() -> bool:
    """Return whether a debugger or a tracer would be lost with this process."""
    return "pydevd" in sys.modules or sys.gettrace() is not None


def _fix_addresses() -> bool:
    """Let the next start of this process have fixed addresses; return whether that is news."""
    from simqueue.search.address_space import are_fixed, fix

    return not are_fixed() and fix()


def _start_again(me: str) -> None:
    if sys.stdout is not None:  # it is None if it was closed
        sys.stdout.flush()
    environment = {**os.environ, "PYTHONHASHSEED": "0", _PINNED_BY: me}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606
