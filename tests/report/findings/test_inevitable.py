from simqueue.model.findings import Inevitable, Odds
from simqueue.report.findings.inevitable import render_inevitable


def test_a_continuation_from_an_earlier_event_that_did_not_fail_is_mentioned(trace):
    odds = Odds(2, 3, 10, 10, 0), Odds(4, 4, 10, 10, 0)
    found = Inevitable(trace, 10, 4, odds[0], odds, False, True, 99)
    text = render_inevitable(found)
    assert (
        "Before it, after event #3, all 10 of 10 fail, too, but a continuation from an earlier"
        in text
    )
    before = Odds(2, 3, 1, 0, 0)
    found = Inevitable(trace, 10, 4, before, (), False, False, 9)
    assert "Before it, after event #3, at least one does not:" in render_inevitable(found)
    others = Odds(-1, -1, 10, 6, 1)
    found = Inevitable(trace, 10, 0, others, (others,), False, True, 9)
    assert "At the start 6 of 10 fail the same way, 1 fails in another way and 3 pass" in (
        render_inevitable(found)
    )
