"""The command line: read options, call one function, print one report.

``app``        the table of all commands, and how errors become exit statuses
``new``        a first scenario for an application
``run``        one run
``fuzz``       campaigns
``merge``      the shards of campaigns, reported as one
``campaigns``  the campaigns of ``fuzz``, in turns
``settings``   the same for all its targets; ``records``: a command's options as one record
``saved``      failures that were saved before a campaign
``found``      its new failures
``summaries``  its results, printed and written for other programs
``progress``   bars on a terminal
``replay``     a trace again
``trusting``   whether to run what a trace names
``debugger``   a prompt where a run failed
``shrink``     a trace made simpler
``accept``     a failure is accepted
``audit``      a seed under other circumstances
``show``       a run's story, some of its events, its tables after one
``explain``    what a printed name means
``reading``    what needs no run: two traces' difference, the table of entropy
``nearest``    the passing run that is most like a failing one, beside it
``inevitable`` when a failure became inevitable
``serve``      a trace in PgQueuer's own dashboard
``export``     a trace for other people's viewers
``report``     a run as one HTML page
``live``       events on the terminal while they happen
``painting``   colours at a terminal
``options``    what several commands take; ``durations``: lengths of time
``configs``    options that set fields of a run's config
``outputs``    files that commands write, checked before anything runs
``terminations`` SIGTERM, which ends a command as Ctrl-C does
``encodings``  names of files and output where the locale is not UTF-8
"""

from __future__ import annotations

import os
import sys

_PINNED_BY = "SIMQUEUE_PINNED"
_UNPINNED = ("_record",)
"""Commands that keep the PYTHONHASHSEED that they are started with."""
_NO_EFFECT = (
    "simqueue: PYTHONHASHSEED=0 has no effect here (python -I or -E?): runs of code that depends "
    "on the order of sets of strings will not repeat"
)
_WITHOUT_ASSERTS = (
    "simqueue: python -O leaves out every assert, also those that scenarios are made of"
)
_DEBUGGED = (
    "simqueue: the debugger would be lost if PYTHONHASHSEED were pinned now: set it to 0 in its "
    "configuration, or runs of code that depends on the order of sets of strings will not repeat"
)


def main() -> None:
    """Run the command line under a pinned PYTHONHASHSEED; never returns."""
    from simqueue.cli.encodings import escape_output
    from simqueue.terminal import complain, say_crash

    pin_environment()
    escape_output()
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = say_crash  # before typer is imported, which replaces the default one
    if sys.flags.optimize:
        complain(_WITHOUT_ASSERTS)
    from simqueue.cli.app import app

    app(prog_name="simqueue")


def pin_environment() -> None:
    """Start this process again with PYTHONHASHSEED=0 and fixed addresses, unless it has both.

    The order of a set of strings follows from the one, that of a set of functions or, before Python
    3.12, of tuples with None from the other. Neither can be changed later. In UTF-8 mode if names
    of files were read as ASCII, which cannot be changed later either.
    """
    from simqueue.cli.encodings import needs_utf8_mode

    if sys.argv[1:2] in ([name] for name in _UNPINNED):
        return
    random_hashes, ascii_names = bool(sys.flags.hash_randomization), needs_utf8_mode()
    me = str(os.getpid())  # kept by execv, and not shared with a process started from here
    restarted = os.environ.get(_PINNED_BY) == me
    if restarted or "pydevd" in sys.modules:  # the debugger of VS Code and PyCharm
        if random_hashes:
            from simqueue.terminal import complain

            complain(_NO_EFFECT if restarted else _DEBUGGED)
        return
    needed = random_hashes or ascii_names
    # For addresses alone a tracer is not lost with this process.
    if ((needed or sys.gettrace() is None) and _fix_addresses()) or needed:
        _start_again(me, random_hashes=random_hashes, ascii_names=ascii_names)


def _fix_addresses() -> bool:
    """Give the next start of this process fixed addresses; return whether that is a change."""
    from simqueue.search.processes.address_space import are_fixed, fix

    return not are_fixed() and fix()


def _start_again(me: str, *, random_hashes: bool, ascii_names: bool) -> None:
    if sys.stdout is not None:  # it is None if it was closed
        sys.stdout.flush()
    environment = {**os.environ, _PINNED_BY: me}
    if random_hashes:
        environment["PYTHONHASHSEED"] = "0"
    if ascii_names:
        environment["PYTHONUTF8"] = "1"
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606
