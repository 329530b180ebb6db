"""Explanations as text."""

from simqueue.model.explanation import Explanation
from simqueue.report.explanations import (
    filled,
    render_explanation,
    render_guide,
    render_index,
)

LATE = Explanation(
    name="late",
    subject="invariant",
    meaning="A thing is in time.",
    reason="Late things are of no use.",
    no_violation="A thing that nobody waits for.",
    advice="Begin earlier.",
)
SLOW = Explanation(
    name="slow", subject="fault", meaning="A thing is slow.", reason="It occurs.", advice="Wait."
)
CLOCK = Explanation(
    name="clock", subject="entropy source", meaning="A clock.", reason="It runs.", advice="Use it."
)
DICE = Explanation(
    name="dice", subject="entropy source", meaning="Some dice.", reason="It runs.", advice="Roll."
)


def test_an_explanation_says_what_why_what_is_allowed_and_what_to_do():
    assert render_explanation(LATE) == (
        "late (invariant)\n\nA thing is in time.\n\nWhy: Late things are of no use.\n\n"
        "No violation: A thing that nobody waits for.\n\nWhat to do: Begin earlier."
    )


def test_an_explanation_without_exceptions_mentions_none():
    assert render_explanation(SLOW) == (
        "slow (fault)\n\nA thing is slow.\n\nWhy: It occurs.\n\nWhat to do: Wait."
    )


def test_an_index_groups_names_by_subject():
    assert render_index([LATE, SLOW]) == (
        "invariant:\n  late  A thing is in time.\n\nfault:\n  slow  A thing is slow."
    )


def test_a_guide_has_a_heading_for_each_name():
    assert render_guide([SLOW]) == (
        "### `slow`\n\nA thing is slow.\n\n**Why.** It occurs.\n\n**What to do.** Wait."
    )


def test_names_with_the_same_reason_are_a_list_under_it():
    assert render_guide([CLOCK, DICE]) == (
        "It runs.\n\n- `clock`: A clock. Use it.\n- `dice`: Some dice. Roll."
    )


def test_a_marked_section_is_replaced_and_the_rest_of_a_page_is_not():
    page = "before\n<!-- explained: faults -->\nold\n<!-- end -->\nafter\n"

    once = filled(page, {"faults": "new"})

    assert once == "before\n<!-- explained: faults -->\n\nnew\n\n<!-- end -->\nafter\n"
    assert filled(once, {"faults": "new"}) == once
