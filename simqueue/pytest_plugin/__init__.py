"""The pytest plugin: a marked test is a scenario, run with many seeds or as a trace has it.

Whatever is slow to import is imported when the first marked test runs.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import itertools
import os
import shlex
import sys
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from simqueue.pytest_plugin.output import (
    collect_error,
    fail,
    failure,
    remark,
    usage_error,
    write_line,
    write_remarks,
)
from simqueue.pytest_plugin.scenario import FIXTURE, STARTED, MarkedTest
from simqueue.pytest_plugin.travels import Travels
from simqueue.search.budgets import NEARBY_RUNS, SHRINK_RUNS
from simqueue.search.nodes import PYTEST

if TYPE_CHECKING:
    from simqueue.model.config import Config
    from simqueue.model.trace import Trace
    from simqueue.search.replay.breakpoints import Breakpoints

MARKER = "simqueue"
_RUNS = 100
_SHRINKING = timedelta(seconds=30)
_BREAKS: Mapping[str, tuple[type, str, str]] = {
    "": (int, "N", "this event"),
    "job": (int, "ID", "each event of this job"),
    "schedule": (int, "ID", "each event of this schedule"),
    "kind": (str, "KIND", "each event of this kind"),
}
"""What names the events to stop at: its type, and how the help speaks of it."""
_OPTIONS = ("runs", "seed", "strategy", "config", "faults", "without")
_NOT_ASYNC = "ignore:The test .* is marked with '@pytest.mark.asyncio':pytest.PytestWarning"
"""A module may mark all its tests for pytest-asyncio, also those that are not for it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("simqueue", "simulated PgQueuer runs")
    group.addoption(
        "--simqueue-runs",
        type=int,
        metavar="N",
        help="seeds per marked test, instead of what its marker says",
    )
    group.addoption(
        "--simqueue-seed",
        type=int,
        metavar="N",
        help="the first of them, instead of what the marker says",
    )
    group.addoption(
        "--simqueue-replay", metavar="FILE", help="run one test as this trace of it has it"
    )
    group.addoption(
        "--simqueue-traces",
        metavar="DIR",
        default=".simqueue/failures",
        help="where failed runs are saved (default: %(default)s)",
    )
    group.addoption(
        "--simqueue-no-regressions",
        action="store_true",
        help="do not play a test's saved runs again before its seeds",
    )
    group.addoption(
        "--simqueue-shrink-runs",
        type=int,
        default=SHRINK_RUNS,
        metavar="N",
        help="runs to spend on making a failure simpler, 0 for none (default: %(default)s)",
    )
    group.addoption("--simqueue-exact", action="store_true", help="end a replay where it diverges")
    group.addoption(
        "--simqueue-nearby",
        type=int,
        metavar="N",
        default=NEARBY_RUNS,
        help="play up to N variations of a trace that drifts and passes (default: %(default)s)",
    )
    for noun, (of, metavar, what) in _BREAKS.items():
        group.addoption(
            "--simqueue-break" + f"-{noun}" * bool(noun),
            action="append",
            type=of,
            default=[],
            metavar=metavar,
            help=f"with --simqueue-replay: open the debugger at {what}; repeatable",
        )
    # How `simqueue replay` hears what became of a test; nothing for people to type.
    group.addoption("--simqueue-verdict", help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; read the trace that is to be replayed."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}({'=..., '.join(_OPTIONS)}=...): run this `async def test(sim)` in simulated "
        "worlds, as many as `runs` says.",
    )
    _check_number(config, "--simqueue-runs", 1)
    _check_number(config, "--simqueue-seed", 0)
    _check_number(config, "--simqueue-shrink-runs", 0)
    _check_number(config, "--simqueue-nearby", 0)
    path = config.getoption("--simqueue-replay")
    config.stash[_TRACE] = None if path is None else _load(path)
    _check_breaks(config)
    # Now: a test may change the current directory.
    config.stash[_TRACES] = Path.cwd() / config.getoption("--simqueue-traces")
    config.stash[_VERDICTS] = []
    config.stash[_PLAYING] = False
    config.stash[STARTED] = 0


def _check_number(config: pytest.Config, option: str, least: int) -> None:
    number = config.getoption(option)
    if number is not None and number < least:
        raise usage_error(f"{option} must be {least} or more, not {number}")


def _wanted(config: pytest.Config) -> dict[str, list[Any]]:
    """Return the values of the options that name events to stop at, by what they name."""
    return {
        f"{noun or 'event'}s": config.getoption("--simqueue-break" + f"-{noun}" * bool(noun))
        for noun in _BREAKS
    }


def _breakpoints(config: pytest.Config) -> Breakpoints | None:
    trace, wanted = config.stash[_TRACE], _wanted(config)
    if trace is None or not any(wanted.values()):
        return None
    from simqueue.search.replay.breakpoints import Breakpoints

    return Breakpoints(trace, **wanted)


def _check_breaks(config: pytest.Config) -> None:
    from simqueue.errors import UsageError

    if config.stash[_TRACE] is None and any(_wanted(config).values()):
        raise usage_error("--simqueue-break needs a trace: give --simqueue-replay FILE, too")
    try:
        _breakpoints(config)
    except UsageError as error:
        raise usage_error(f"--simqueue-break: {error}") from None


_TRACE = pytest.StashKey["Trace | None"]()
_TRACES = pytest.StashKey[Path]()
_VERDICTS = pytest.StashKey[list[str]]()
_PLAYING = pytest.StashKey[bool]()
"""Whether a trace has begun to be replayed."""
_DEBUGGED = pytest.StashKey[bool]()
"""Whether somebody was at a prompt while a test ran, who does not want to be asked in each run."""
_OURS = pytest.StashKey[bool]()
"""Set for a test whose function has been replaced by one that runs it in simulations."""


def _load(path: str) -> Trace:
    from simqueue.errors import NAME_SHOWN, TraceFormatError, excerpt
    from simqueue.model.trace import Trace

    try:
        trace = Trace.load(path)
    except TraceFormatError as error:
        raise usage_error(f"--simqueue-replay: {error}") from None
    if not trace.target.startswith(PYTEST):
        what = f"is of {excerpt(trace.target, NAME_SHOWN) or 'a scenario'}, which is no test"
        raise usage_error(
            f"--simqueue-replay: {path} {what}; run `simqueue replay {shlex.quote(path)}`"
        )
    return trace


class _NotYet:
    """What a fixture gets that asks for ``sim``: there is none before the test runs."""

    def __getattr__(self, name: str) -> NoReturn:
        fail(
            f"a fixture cannot use `{FIXTURE}.{name}`: each seed's simulation is made when the "
            "test runs; let the fixture return a function that the test calls with it"
        )


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> object:
    """The simulation that a marked test runs in; each seed has its own, made when the test runs."""
    if request.node.get_closest_marker(MARKER) is None:
        fail(f"`{FIXTURE}` is for tests marked @pytest.mark.{MARKER}")
    return _NotYet()


# --- collection -----------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Give marked tests a function that runs them, before plugins for asyncio claim them."""
    made = yield
    for item in made if isinstance(made, list) else [made]:
        if isinstance(item, pytest.Function):
            marker = item.get_closest_marker(MARKER)
            if marker is not None:
                _check(item, marker)
                item.obj = _player(item, item.obj)
                item.stash[_OURS] = True
                if item.get_closest_marker("asyncio"):
                    item.add_marker(pytest.mark.filterwarnings(_NOT_ASYNC))
    return made


def _check(item: pytest.Function, marker: pytest.Mark) -> None:
    """Raise for a marked test that cannot be run."""
    unknown = [*map(repr, marker.args), *sorted(set(marker.kwargs).difference(_OPTIONS))]
    runs, seed = marker.kwargs.get("runs", 1), marker.kwargs.get("seed", 0)
    if getattr(item.obj, "is_hypothesis_test", False):
        problem = (
            f"is marked {MARKER}, and takes inputs of @given, which its trace could not repeat: "
            "write a `def` without the marker that draws its seed, too, and calls "
            "simqueue.run(scenario, seed=seed).check(); simqueue.hypothesis.seeds() draws seeds"
        )
    elif not inspect.iscoroutinefunction(item.obj):
        problem = f"is marked {MARKER}, so it must be an `async def`"
    elif FIXTURE not in inspect.signature(item.obj).parameters:
        problem = f"is marked {MARKER}, so it must take `{FIXTURE}`, the simulation it runs in"
    elif unknown:
        problem = f"its marker takes {'=, '.join(_OPTIONS)}=, not {', '.join(unknown)}"
    elif not isinstance(runs, int) or runs < 1:
        problem = f"its marker's runs must be a whole number of 1 or more, not {runs!r}"
    elif not isinstance(seed, int) or seed < 0:
        problem = f"its marker's seed must be a whole number of 0 or more, not {seed!r}"
    else:
        return
    raise collect_error(f"{item.nodeid}: {problem}")


def _player(item: pytest.Function, test: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(test)
    def play(**fixtures: Any) -> None:
        _play(item, test, fixtures)

    return play


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a marked test that something else would run: not simulated, it may well pass."""
    item.config.stash[STARTED] += 1
    marked = isinstance(item, pytest.Function) and item.get_closest_marker(MARKER)
    if marked and _OURS not in item.stash:
        fail(
            f"{item.nodeid} is marked {MARKER}, but it is none of pytest's own functions (a method "
            "of a unittest.TestCase takes no fixtures): make it a function or a method of a plain "
            "class"
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With a trace to replay, leave only the test it is of."""
    trace = config.stash[_TRACE]
    if trace is None:
        return
    node = trace.target.removeprefix(PYTEST)
    wanted = [item for item in items if _is_same(item.nodeid, node)]
    # In a process of pytest-xdist an error would be an internal one; nothing is run there either.
    if not wanted and not hasattr(config, "workerinput"):
        from simqueue.errors import NAME_SHOWN, excerpt

        what = f"the trace is of {excerpt(node, NAME_SHOWN)}, which was not collected"
        raise usage_error(f"--simqueue-replay: {what}")
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before the first test, provide for a failed one to be tried where none ran before."""
    idle = session.config.option.collectonly or session.config.stash[_TRACE] is not None
    if not idle and any(_OURS in item.stash for item in session.items):
        from simqueue.pytest_plugin.alone import open_clean

        open_clean(session)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what was provided for that."""
    if "simqueue.pytest_plugin.alone" in sys.modules:
        from simqueue.pytest_plugin.alone import close_clean

        close_clean(config)


def _is_same(node: str, recorded: str) -> bool:
    """Return whether two node ids name one test, perhaps from different root directories."""
    (file, _, test), (recorded_file, _, recorded_test) = (
        node.partition("::"),
        recorded.partition("::"),
    )
    parts, recorded_parts = file.split("/"), recorded_file.split("/")
    shared = min(len(parts), len(recorded_parts))
    return test == recorded_test and parts[-shared:] == recorded_parts[-shared:]


# --- running --------------------------------------------------------------------------------------


def _play(item: pytest.Function, test: Callable[..., Any], fixtures: Mapping[str, Any]) -> None:
    given = {name: value for name, value in fixtures.items() if name != FIXTURE}
    owner = getattr(test, "__self__", None)
    instance = None if inspect.isclass(owner) else owner
    travels = Travels.around(item.funcargs.values())
    skips = MarkedTest(functools.partial(test, **given), instance, travels)
    trace = item.config.stash[_TRACE]
    from simqueue.errors import UsageError
    from simqueue.pytest_plugin.alone import wanted_of
    from simqueue.search.processes.clean import clean_for

    wanted = wanted_of(item.config)
    try:
        if wanted is not None:
            wanted.play(skips)
        elif trace is None:
            with clean_for(skips):
                _play_seeds(item, skips)
        else:
            _play_trace(item, skips, trace)
    except UsageError as error:
        raise failure(f"simqueue: {error}") from None
    finally:
        travels.end()


def _play_seeds(item: pytest.Function, scenario: MarkedTest) -> None:
    from simqueue.pytest_plugin.alone import left_behind, left_by_runs
    from simqueue.search.campaign.campaign import fuzz
    from simqueue.search.campaign.known import DEFAULT_FILE, load_known
    from simqueue.search.replay.replayer import replay

    runs, seed, config = _settings(item)
    item.config.stash[_DEBUGGED] = False
    known = load_known(item.config.rootpath / DEFAULT_FILE, missing_ok=True)
    _play_saved(item, scenario, known.of(PYTEST + item.nodeid))
    campaign = fuzz(
        scenario,
        runs=runs,
        seed=seed,
        config=scenario.travels.starting(config),
        strategy=_strategy(item),
        target=PYTEST + item.nodeid,
        known=known,
        until_failure=True,
        on_progress=lambda _: scenario.speak(),
    )
    for each in campaign.remarks(DEFAULT_FILE):
        remark(item, each)
    for found in campaign.failures:
        first = campaign.runs == 1
        _fail_for_others(left_behind(item, scenario, found.trace, first=first))
        note = f"after {campaign.passed} that passed" if campaign.passed else ""
        trace = _shrunk(found.trace, item, scenario)
        text, frames = _report(trace, item, note), _Frames(item)
        if frames.wanted:  # a campaign keeps none
            replay(trace, scenario=scenario, on_failure=frames.keep)
        frames.fail(text)
    for leak in campaign.leaks:
        _fail_for_others(left_by_runs(leak.verdict, leak.what))


def _fail_for_others(text: str) -> None:
    """Fail a test whose failure is the doing of what came before it, if that is so."""
    if text:
        fail(text)


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Remember that somebody looks into the test that runs."""
    config.stash[_DEBUGGED] = True


def _shrunk(trace: Trace, item: pytest.Item, scenario: MarkedTest) -> Trace:
    """Return a simpler trace that fails alike, or the same if there is none."""
    from simqueue.errors import DivergenceError
    from simqueue.search.shrink.shrinker import shrink_further

    budget = item.config.getoption("--simqueue-shrink-runs")
    if not budget or item.config.stash[_DEBUGGED]:
        return trace
    try:
        return shrink_further(
            trace, scenario=scenario, budget_runs=budget, time_limit=_SHRINKING
        ).trace
    except DivergenceError as error:
        remark(item, f"not shrunk, as it does not repeat itself: {error}")
        return trace
    except pytest.fail.Exception as error:  # a time limit's: the failure is not lost with it
        remark(item, f"not shrunk: {error}")
        return trace


def _play_saved(item: pytest.Function, scenario: MarkedTest, accepted: Collection[str]) -> None:
    """Play what was saved of a test again; files are left alone."""
    from simqueue.errors import TraceFormatError
    from simqueue.report.story.story import render_story
    from simqueue.search.replay.regressions import play_again, saved_failures

    if item.config.getoption("--simqueue-no-regressions"):
        return
    for saved in saved_failures(item.config.stash[_TRACES], PYTEST + item.nodeid):
        file = os.path.relpath(saved.path, item.config.invocation_params.dir)
        try:
            regression = play_again(saved, scenario, accepted)
        except TraceFormatError as error:
            remark(item, f"saved failure {file} is not played: {error}")
            continue
        scenario.speak()
        said = f"saved failure {regression.describe(file)}"
        if regression.failed:
            story = render_story(regression.replayed.run.trace, again=_again(item, saved.path))
            fail(f"{said}\n\n{story}")
        remark(item, said)


def _settings(item: pytest.Function) -> tuple[int, int, Config]:
    """Return the number of runs, the first seed and the configuration."""
    marker = item.get_closest_marker(MARKER)
    said: Mapping[str, Any] = {} if marker is None else marker.kwargs
    runs, seed = item.config.getoption("--simqueue-runs"), item.config.getoption("--simqueue-seed")
    runs = said.get("runs", _RUNS) if runs is None else runs
    seed = said.get("seed", 0) if seed is None else seed
    return runs, seed, _config(said)


def _strategy(item: pytest.Item) -> str:
    from simqueue.search.planning.strategies import DEFAULT

    marker = item.get_closest_marker(MARKER)
    return DEFAULT if marker is None else marker.kwargs.get("strategy", DEFAULT)


def _config(said: Mapping[str, Any]) -> Config:
    """Return what a marker's ``config``, ``faults`` and ``without`` amount to."""
    import msgspec

    from simqueue.errors import UsageError
    from simqueue.model.config import Config, Faults

    config, faults, without = said.get("config"), said.get("faults"), said.get("without")
    if config is None:
        config = Config()
    elif not isinstance(config, Config):
        raise UsageError(f"the marker's config must be a simqueue.Config, not {config!r}")
    if isinstance(faults, str):
        faults = Faults.named(faults)
    if faults is not None:
        if not isinstance(faults, Faults):
            raise UsageError(
                f"the marker's faults must be a simqueue.Faults or text, not {faults!r}"
            )
        config = msgspec.structs.replace(config, faults=faults)
    if without is not None:
        names = (without,) if isinstance(without, str) else tuple(without)
        config = msgspec.structs.replace(config, without=(*config.without, *names))
    return config


@dataclass(slots=True)
class _Frames:
    """The frames of a failed run, for ``--pdb`` to stop in."""

    item: pytest.Function
    found: TracebackType | None = None

    @property
    def wanted(self) -> bool:
        """Whether a debugger is going to ask for them."""
        return bool(self.item.config.getoption("usepdb"))

    def keep(self, frames: TracebackType | None) -> None:
        """Keep them: they hold on to all of the run."""
        if self.wanted:
            self.found = frames

    def fail(self, text: str) -> NoReturn:
        """Fail the test with a text, and for a debugger where the user's code did."""
        found, self.found = self.found, None
        raise failure(text).with_traceback(found)


def _report(trace: Trace, item: pytest.Function, note: str) -> str:
    """Save a failed run; return its story."""
    from simqueue.errors import UsageError
    from simqueue.report.story.story import render_story
    from simqueue.search.saved import keep

    headline, again = _headline(trace, note), None
    try:
        again = _again(item, keep(trace, item.config.stash[_TRACES]))
    except UsageError as error:  # what was found is not lost with the file
        headline += f"\nThe trace is not saved: {error}"
    return f"{headline}\n\n{render_story(trace, again=again)}"


def _again(item: pytest.Item, trace: Path) -> str:
    """Return the command that replays a trace, to be given where this pytest was started."""
    here, config = item.config.invocation_params.dir, item.config
    file, _, test = item.nodeid.partition("::")
    words = ["pytest", f"{os.path.relpath(config.rootpath / file, here)}::{test}"]
    for option, given in (("--rootdir", config.option.rootdir), ("-c", config.option.inifilename)):
        words += [option, str(given)] if given else []
    words += ["--simqueue-replay", os.path.relpath(trace, here)]
    return " ".join(map(shlex.quote, words))


def _headline(trace: Trace, note: str) -> str:
    failure = trace.outcome.failure
    said = "" if failure is None else f"{failure.kind}: {failure.message.partition(chr(10))[0]}"
    return f"seed {trace.seed}{f' ({note})' if note else ''}: {said}"


# --- replaying ------------------------------------------------------------------------------------


def _play_trace(item: pytest.Function, scenario: MarkedTest, trace: Trace) -> None:
    from simqueue.errors import DivergenceError
    from simqueue.report.story.story import render_story
    from simqueue.search.replay.replayer import replay

    frames, exact = _Frames(item), item.config.getoption("--simqueue-exact")
    breakpoints = _breakpoints(item.config)
    item.config.stash[_PLAYING] = True
    try:
        nearby = item.config.getoption("--simqueue-nearby")
        replayed = replay(
            trace,
            scenario=scenario,
            exact=exact,
            nearby=nearby,
            stop_at=breakpoints,
            on_failure=frames.keep,
        )
    except DivergenceError as error:
        _tell_missed(item, breakpoints)
        _say(item, "diverged", str(error))
        fail(str(error))
    _tell_missed(item, breakpoints)
    if scenario.said is not None:
        _say(item, "different", "different: the test says now that it is not to be run")
        scenario.speak()
    if replayed.verdict == "not-reproduced":
        _say(item, "not-reproduced", str(replayed))
        fail(str(replayed))
    if replayed.run.passed:
        _say(item, "passed", str(replayed))
        return
    _say(item, "different" if replayed.verdict == "different" else "same", str(replayed))
    frames.fail(f"{replayed}\n\n{render_story(replayed.run.trace)}")


def _tell_missed(item: pytest.Function, breakpoints: Breakpoints | None) -> None:
    missed = "" if breakpoints is None else breakpoints.missed()
    if missed:
        item.config.stash[_VERDICTS].append(f"{item.nodeid}: the replay {missed}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave word for `simqueue replay` that somebody quit while the test ran."""
    from simqueue.model.files import write_whole

    config = session.config
    path = config.getoption("--simqueue-verdict")
    quit_by_somebody = exitstatus == pytest.ExitCode.INTERRUPTED and config.stash[_PLAYING]
    if path is not None and quit_by_somebody and not config.stash[_VERDICTS]:
        write_whole(path, b"quit:\n")


def _say(item: pytest.Function, verdict: str, sentence: str) -> None:
    """Tell the verdict at the end, and leave it where `simqueue replay` looks for it."""
    from simqueue.model.files import write_whole

    item.config.stash[_VERDICTS].append(f"{item.nodeid}: {sentence}")
    path = item.config.getoption("--simqueue-verdict")
    if path is not None:
        write_whole(path, f"{verdict}: {sentence}\n".encode())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what became of a trace and what runs came to, also of tests that pass."""
    for sentence in config.stash[_VERDICTS]:
        write_line(terminalreporter, sentence)
    for report in itertools.chain(*terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport) and report.when == "call":
            write_remarks(terminalreporter, report)
