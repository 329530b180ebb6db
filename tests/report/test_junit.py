from xml.etree import ElementTree as ET

from simqueue.model.summary import (
    AcceptedFailure,
    FoundFailure,
    LostRun,
    SavedFailure,
    Summary,
    TargetSummary,
)
from simqueue.report.junit import render_junit

FOUND = FoundFailure(
    "exception:x", "exception", "ValueError: x\nmore", "app.py:3", 2, 5, 5, "random", "f.json",
    "simqueue replay f.json", "what happened",
)  # fmt: skip


def target(**fields):
    counted = {"runs": 9, "passed": 7, "failed": 2, "elapsed_s": 1.5, "status": 1}
    return TargetSummary("app.py:scenario", "auto", 0, (1, 1), **{**counted, **fields})


def rendered(*targets):
    return ET.fromstring(render_junit(Summary("0.1.0", "1.6.0", "3.12.0", 1, targets)))


def outcomes(suite):
    """Return what each case of a suite came to, by name."""
    kinds = ("failure", "error", "skipped")
    return {case.get("name"): [child.tag for child in case if child.tag in kinds] for case in suite}


def test_a_failure_is_a_case_by_its_signature_and_tells_its_story():
    (suite,) = rendered(target(failures=(FOUND,)))
    assert outcomes(suite) == {"campaign": [], "exception:x": ["failure"]}
    failure = suite.find("testcase/failure")
    assert failure.get("message") == "ValueError: x (2 of 9 runs)"
    assert failure.text == "what happened\nAgain: simqueue replay f.json"


def test_saved_failures_are_cases_by_their_files():
    fates = ("fails", "different", "passes", "accepted", "unreadable")
    (suite,) = rendered(target(saved=tuple(SavedFailure(f, "x", f, f"it {f}") for f in fates)))
    assert outcomes(suite) == {
        "campaign": [],
        "saved fails": ["failure"],
        "saved different": ["failure"],
        "saved passes": [],
        "saved accepted": ["skipped"],
        "saved unreadable": ["skipped"],
    }


def test_what_proves_nothing_is_an_error_of_the_campaign():
    cases = {
        "inconclusive: fault pause never struck": {"inconclusive": ("fault pause never struck",)},
        "inconclusive: run 3 is lost: its process was killed": {
            "lost": (LostRun(3, "was killed"),)
        },
        "inconclusive: no run was played": {"runs": 0},
        "interrupted after 9 runs": {"interrupted": True},
    }
    for message, fields in cases.items():
        (suite,) = rendered(target(**fields))
        assert suite.find("testcase[@name='campaign']/error").get("message") == message
        assert suite.get("errors") == "1"


def test_accepted_failures_are_skipped_and_all_are_counted():
    one = target(accepted=(AcceptedFailure("y", "issue 7", 4),), failures=(FOUND,))
    (first, second) = rendered(one, target())
    assert first.find("testcase/skipped").get("message") == "4 x, accepted: issue 7"
    assert [first.get(name) for name in ("tests", "failures", "errors", "skipped")] == list("3101")
    assert [second.get(name) for name in ("tests", "failures", "errors")] == list("100")


def test_what_xml_cannot_hold_is_replaced():
    (suite,) = rendered(target(remarks=("a \x00 \ud800 <b>",)))
    assert suite.find("testcase/system-out").text.endswith("a \ufffd \ufffd <b>")
