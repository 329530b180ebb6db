"""JUnit XML: a summary as systems for continuous integration show it.

A suite for each target, with a case for the campaign as a whole, one for each way in which it
failed, one for each failure that was saved before, and one for each that is accepted. Names of
cases are signatures and files, so that they are the same in each campaign. What proves nothing is
an error: a case that is skipped would look as if all were well.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from simqueue.model.summary import FoundFailure, SavedFailure, Summary, TargetSummary

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(summary: Summary) -> bytes:
    """Return the document."""
    root = ET.Element("testsuites", name="simqueue")
    for target in summary.targets:
        _suite(root, target)
    ET.indent(root)
    return b"".join((ET.tostring(root, encoding="utf-8", xml_declaration=True), b"\n"))


def _suite(root: ET.Element, target: TargetSummary) -> None:
    suite = ET.SubElement(root, "testsuite", name=_clean(target.target))
    _campaign(suite, target)
    for failure in target.failures:
        _add_failure(suite, target, failure)
    for saved in target.saved:
        _add_saved(suite, target, saved)
    for accepted in target.accepted:
        case = _case(suite, target, f"accepted {accepted.signature}")
        text = f"{accepted.count} x, accepted: {accepted.reason}"
        ET.SubElement(case, "skipped", message=_clean(text))
    for name, tag in (
        ("tests", "testcase"),
        ("failures", "testcase/failure"),
        ("errors", "testcase/error"),
        ("skipped", "testcase/skipped"),
    ):
        suite.set(name, str(len(suite.findall(tag))))
    suite.set("time", f"{target.elapsed_s:.3f}")


def _campaign(suite: ET.Element, target: TargetSummary) -> None:
    case = _case(suite, target, "campaign", target.elapsed_s)
    lost = [f"run {lost.number} is lost: its process {lost.why}" for lost in target.lost]
    nothing = [] if target.runs or target.interrupted else ["no run was played"]
    missing = [*target.inconclusive, *lost, *nothing]
    if target.interrupted:
        _add_result(case, "error", "interrupted", f"interrupted after {target.runs} runs", missing)
    elif missing:
        _add_result(case, "error", "inconclusive", f"inconclusive: {missing[0]}", missing)
    counts = f"{target.runs} runs, {target.failed} failed"
    ET.SubElement(case, "system-out").text = _clean("\n".join([counts, *target.remarks]))


def _add_failure(suite: ET.Element, target: TargetSummary, failure: FoundFailure) -> None:
    case = _case(suite, target, failure.signature)
    message = f"{failure.message.partition(chr(10))[0]} ({failure.count} of {target.runs} runs)"
    _add_result(case, "failure", failure.kind, message, [failure.story, f"Again: {failure.again}"])


def _add_saved(suite: ET.Element, target: TargetSummary, saved: SavedFailure) -> None:
    case = _case(suite, target, f"saved {saved.trace}")
    if saved.fate in ("fails", "different"):
        _add_result(case, "failure", saved.fate, saved.said, [saved.story])
    elif saved.fate == "passes":
        ET.SubElement(case, "system-out").text = _clean(saved.said)
    else:
        ET.SubElement(case, "skipped", message=_clean(saved.said))


def _case(suite: ET.Element, target: TargetSummary, name: str, time: float = 0.0) -> ET.Element:
    named = {"classname": _clean(target.target), "name": _clean(name), "time": f"{time:.3f}"}
    return ET.SubElement(suite, "testcase", named)


def _add_result(case: ET.Element, tag: str, kind: str, message: str, lines: list[str]) -> None:
    element = ET.SubElement(case, tag, type=kind, message=_clean(message))
    element.text = _clean("\n".join(lines))


def _clean(text: str) -> str:
    """Return text without what XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
