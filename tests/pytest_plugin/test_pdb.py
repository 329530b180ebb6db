"""``--pdb`` and ``breakpoint()`` with marked tests."""

import pytest

TESTS = """
    import asyncio
    import pytest

    @pytest.mark.simqueue(runs=40)
    async def test_helper(sim):
        def check(number):
            doubled = 2 * number
            assert number != 3, "it is three"

        await asyncio.sleep(1)
        check(sim.choice(range(5)))

    @pytest.mark.simqueue(runs=1)
    async def test_handler(sim):
        charged = []

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                raise ValueError("no money")

        sim.worker("a", app)
        await sim.queries.enqueue("charge", b"x")
        await sim.settled()
        counted = len(charged)
        assert counted == 1

    @pytest.mark.simqueue(runs=1)
    async def test_settles_not(sim):
        waited = "for nobody"
        await sim.queries.enqueue("charge", b"x")
        await sim.settled()

    @pytest.mark.simqueue(runs=1)
    async def test_waits(sim):
        waited = "for ever"
        try:
            await asyncio.Event().wait()
        finally:
            cleaned = True

    @pytest.mark.simqueue(runs=1)
    async def test_worker(sim):
        def app(pq):
            registered = "nothing"
            raise KeyError(registered)

        sim.worker("a", app)
        await asyncio.sleep(10)

    @pytest.mark.simqueue(runs=1)
    async def test_invariant(sim):
        told = sim.elapsed()
        sim.always("early", lambda: sim.elapsed().total_seconds() < 1)
        await asyncio.sleep(5)
        await sim.queries.enqueue("charge", b"x")
"""
STOPS = [
    ("test_helper", "check()", 'assert number != 3, "it is three"', "doubled", "6"),
    ("test_handler", "test_handler()", "assert counted == 1", "counted", "0"),
    ("test_settles_not", "test_settles_not()", "await sim.settled()", "waited", "'for nobody'"),
    ("test_waits", "test_waits()", "await asyncio.Event().wait()", "waited", "'for ever'"),
    ("test_worker", "app()", "raise KeyError(registered)", "registered", "'nothing'"),
    (
        "test_invariant",
        "test_invariant()",
        'await sim.queries.enqueue("charge", b"x")',
        "told",
        "datetime.timedelta(0)",
    ),
]


@pytest.fixture
def typed(inner):
    """Run pytest with what a person types at debuggers' prompts."""
    return lambda lines, *arguments: inner(*arguments, typed=lines)


def literally(text):
    return text.translate({ord(each): f"[{each}]" for each in "[]*?"})


def stop(test, function, line, local, value):
    """Return the lines that a debugger prints which stops there and is asked for ``local``."""
    return [f"> *test_it.py(*){function}", f"-> {literally(line)}", f"(Pdb) {literally(value)}"]


def test_pdb_stops_in_the_frame_of_the_user_s_code_that_failed(pytester, typed):
    pytester.makepyfile(test_it=TESTS)
    lines = [line for _, _, _, local, _ in STOPS for line in (f"p {local}", "c")]
    result = typed(lines, "--pdb")
    result.assert_outcomes(failed=len(STOPS))
    result.stdout.fnmatch_lines([line for each in STOPS for line in stop(*each)])


@pytest.mark.thorough
@pytest.mark.parametrize(
    "where",
    [
        pytest.param(STOPS[0], id="in the test"),
        pytest.param(STOPS[1], id="after a handler", marks=pytest.mark.thorough),
    ],
)
def test_pdb_stops_there_when_the_failure_is_replayed(pytester, typed, replay_line, where):
    pytester.makepyfile(test_it=TESTS)
    test, _, _, local, _ = where
    found = typed([], "-k", test)
    replayed = typed([f"p {local}", "c"], "--pdb", *replay_line(found)[1:])
    replayed.assert_outcomes(failed=1)
    replayed.stdout.fnmatch_lines(stop(*where))
    replayed.stdout.fnmatch_lines([f"*::{test}: reproduced: *"])


@pytest.mark.thorough
def test_the_frames_above_can_be_walked_up_to_the_test(pytester, typed):
    pytester.makepyfile(test_it=TESTS)
    result = typed(["up", "p sim.elapsed()", "c"], "--pdb", "-k", "test_helper")
    result.stdout.fnmatch_lines(
        ["*test_it.py(*)test_helper()", "-> check(sim.choice(range(5)))", "*timedelta(seconds=1*)"]
    )


@pytest.mark.thorough
def test_a_replay_of_what_passes_by_now_stops_nowhere(pytester, typed, replay_line):
    file = pytester.makepyfile(TESTS)
    command = replay_line(typed([], "-k", "test_helper"))
    file.write_text(file.read_text().replace("!= 3", "!= 30"))
    result = typed([], "--pdb", *command[1:])
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*entering PDB*")


BREAKPOINT = """
    import asyncio
    import pytest

    @pytest.mark.simqueue(runs=1)
    async def test_it(sim):
        done = []

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                breakpoint()
                await asyncio.sleep(1)
                done.append(job.id)

        sim.worker("a", app)
        await sim.queries.enqueue("charge", b"x")
        await sim.settled()
        assert not done, "it ran"
"""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="captured"),
        pytest.param(("-s",), id="not captured", marks=pytest.mark.thorough),
    ],
)
def test_a_breakpoint_in_a_handler_works_in_a_run_and_in_its_replay(
    pytester, typed, replay_line, arguments
):
    pytester.makepyfile(BREAKPOINT)
    found = typed(["p job.id", "c"], *arguments)
    found.stdout.fnmatch_lines(["(Pdb) 1", "seed 0: exception: AssertionError: it ran*"])
    replayed = typed(["p job.id", "n", "c"], *arguments, *replay_line(found)[1:])
    replayed.stdout.fnmatch_lines(["(Pdb) 1", "reproduced: *"])


def test_quitting_at_a_breakpoint_in_a_handler_ends_pytest(pytester, typed):
    pytester.makepyfile(BREAKPOINT, test_second="def test_second(): pass")
    result = typed(["q"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes()
    result.stdout.fnmatch_lines(["*KeyboardInterrupt: the user quit the debugger*"])


@pytest.mark.thorough
def test_a_replay_stops_at_events_with_capturing_off_and_says_what_it_missed(
    pytester, typed, replay_line
):
    file = pytester.makepyfile(TESTS)
    command = replay_line(typed([], "-k", "test_handler"))[1:]
    stops = ("--simqueue-break", "0", "--simqueue-break-kind", "handler_raised")
    lines = ["p number", "c", "p event.error", "c"]
    result = typed(lines, *stops, *command)
    result.stdout.fnmatch_lines(
        [
            "> Stopped at event 0 of 0 to *; c continues. *",
            "(Pdb) 0",
            "*Stopped at event * of 0 to *; c continues. *",
            "*ValueError: no money*",
            "(Pdb) 'ValueError: no money'",
            "*::test_handler: reproduced: *",
        ]
    )
    file.write_text(file.read_text().replace('raise ValueError("no money")', "pass"))
    result = typed(["c"], *stops, *command)
    result.stdout.fnmatch_lines(["*the replay never came to kind handler_raised: the run ended*"])


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--simqueue-break", "3"], "*--simqueue-break needs a trace: give --simqueue-replay*"),
        (["--simqueue-break", "99999"], "*--simqueue-break: there is no event 99999; *"),
        pytest.param(
            ["--simqueue-break-job", "77"],
            "*--simqueue-break: no event names job 77;*",
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_stops_that_make_no_sense_are_bad_usage(pytester, typed, replay_line, arguments, said):
    pytester.makepyfile(TESTS)
    command = replay_line(typed([], "-k", "test_handler"))[1:]
    if "needs a trace" in said:
        command = []
    result = typed([], *arguments, *command)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
