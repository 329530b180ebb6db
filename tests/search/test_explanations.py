"""Each name that simqueue prints is explained once, and the guides hold the same text."""

from typing import get_args

import pytest

from simqueue.check import INVARIANTS
from simqueue.check.expectations import EXPECTATIONS
from simqueue.errors import UsageError
from simqueue.model.failure import FailureKind
from simqueue.model.summary import SavedFailure
from simqueue.report.explanations import filled
from simqueue.search.explanations import explained, explanations, guides, sections
from simqueue.search.replay.regressions import Fate
from simqueue.search.replay.replayer import Verdict
from simqueue.sim.sources import SOURCES


def names(subject):
    return [each.name for each in explanations() if each.subject == subject]


def test_no_name_is_explained_twice():
    every = [each.name for each in explanations()]

    assert len(set(every)) == len(every)


def test_each_invariant_expectation_and_source_of_entropy_is_explained():
    assert names("invariant") == [invariant.name for invariant in INVARIANTS]
    assert names("expectation") == list(EXPECTATIONS)
    assert names("entropy source") == [source.key for source in SOURCES]


def test_each_word_for_how_a_run_or_a_replay_ended_is_explained():
    fates = get_args(SavedFailure.__annotations__["fate"])

    assert {*get_args(FailureKind), *get_args(Verdict), *get_args(Fate), *fates} <= set(
        names("verdict")
    )


@pytest.mark.parametrize("each", explanations(), ids=lambda each: each.name)
def test_an_explanation_is_made_of_whole_sentences(each):
    parts = [each.reason, each.advice, *filter(None, [each.no_violation])]

    assert each.meaning.endswith(".")
    assert all(part[0].isupper() or not part.split()[0].isalpha() for part in parts)
    assert all(part.endswith(".") and part.count("`") % 2 == 0 for part in parts)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("no-orphan", "no-orphan"),
        ("no-orphan:forever", "no-orphan"),
        ("invariant:no-orphan:forever", "no-orphan"),
        ("passes alone", "passes-alone"),
        ("Deadlock", "deadlock"),
        ("time.time", "wall-clock"),
        ("time.time_ns", "wall-clock"),
        ("uuid.uuid4", "system-random"),
        ("wall-clock", "wall-clock"),
    ],
)
def test_a_name_is_found_as_it_is_printed(name, key):
    assert [each.name for each in explained(name)] == [key]


def test_an_unknown_name_suggests_near_ones():
    with pytest.raises(UsageError, match=r"'no-orphn'\. Did you mean no-orphan"):
        explained("no-orphn")


def test_a_name_like_no_other_suggests_nothing():
    with pytest.raises(UsageError, match=r"'qqqqqq'\. `simqueue explain` lists all names"):
        explained("qqqqqq")


def test_the_guides_hold_the_explanations_that_the_command_prints():
    texts = sections()
    pages = {str(guide): guide.read_text(encoding="utf-8") for guide in guides()}
    outdated = [guide for guide, page in pages.items() if filled(page, texts) != page]

    assert not outdated, (
        f"{outdated} differ from the explanations beside the code: "
        "`python -m simqueue.search.explanations` writes them into all guides"
    )
    assert all(f"<!-- explained: {name} -->" in "".join(pages.values()) for name in texts)
