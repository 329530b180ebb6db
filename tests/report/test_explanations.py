"""Explanations as text."""

from simqueue.model.explanation import Explanation
from simqueue.report.explanations import (
    filled,
    render_explanation,
    render_guide,
    render_index,
    render_table,
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


def test_a_guide_has_the_names_in_their_order():
    headings = [line for line in render_guide([SLOW, LATE]).splitlines() if line[:3] == "###"]

    assert headings == ["### `slow`", "### `late`"]


def test_a_table_has_headings_and_rows():
    assert render_table(("name", "how"), [("`clock`", "virtual")]) == (
        "| name | how |\n|---|---|\n| `clock` | virtual |"
    )


def test_a_marked_section_is_replaced_and_the_rest_of_a_page_is_not():
    page = "before\n<!-- explained: faults -->\nold\n<!-- end -->\nafter\n"

    once = filled(page, {"faults": "new"})

    assert once == "before\n<!-- explained: faults -->\n\nnew\n\n<!-- end -->\nafter\n"
    assert filled(once, {"faults": "new"}) == once
