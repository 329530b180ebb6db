"""What pytest prints for the plugin holds no character that steers a terminal."""

import re
from typing import ClassVar

import msgspec
import pytest

from simqueue.model import trace as tracefile
from simqueue.pytest_plugin import options, output

HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e[bold]x[/bold]"
SHOWN = r"\x1b]0;owned\x07\x1b[31m\x9b2J\u202e[bold]x[/bold]"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
TESTS = f"""
    import pytest

    @pytest.mark.simqueue(runs=2)
    async def test_it(sim):
        raise ValueError({HOSTILE!r})
"""


def test_a_failure_is_told_with_escapes(pytester, inner):
    pytester.makepyfile(test_it=TESTS)
    result = inner("--simqueue-shrink-runs", "0")
    printed = result.stdout.str() + result.stderr.str()
    assert not RAW.findall(printed.replace("\r\n", "\n"))
    assert f"seed 0: exception: ValueError: {SHOWN}" in printed
    assert f"Failed: exception: ValueError: {SHOWN}" in printed


def refused(path):
    with pytest.raises(pytest.UsageError) as caught:
        options._load(str(path))
    said = str(caught.value)
    assert said.startswith("--simqueue-replay: ")
    assert said.isprintable()
    assert len(said) < 1_500
    return said


def test_a_trace_that_is_refused_is_told_with_escapes(trace, tmp_path):
    file = tmp_path / f"t{HOSTILE}.json".replace("/", "")
    foreign = msgspec.structs.replace(trace, target=HOSTILE + "x" * 1_000)
    file.write_bytes(tracefile.encode(tracefile.seal(foreign)))
    assert f"is of {SHOWN}xxx" in refused(file)
    file.write_bytes(tracefile.encode(msgspec.structs.replace(trace, checksum="\x1b[2J" * 1_000)))
    assert r"its checksum is \x1b[2J" in refused(file)


def test_whatever_is_given_to_pytest_is_escaped(request):
    with pytest.raises(pytest.fail.Exception) as caught:
        output.fail(HOSTILE)
    assert caught.value.msg == SHOWN
    assert not caught.value.pytrace
    assert str(output.collect_error(HOSTILE)) == SHOWN

    class Item:
        user_properties: ClassVar = []

    class Report:
        nodeid, user_properties = f"t::{HOSTILE}", Item.user_properties

    class Reporter:
        lines: ClassVar = []

        def write_line(self, line):
            self.lines.append(line)

    output.remark(Item(), HOSTILE)
    output.write_remarks(Reporter(), Report())
    assert Reporter.lines == [f"t::{SHOWN}: {SHOWN}"]
