"""Every name that simqueue prints and explains, collected from the tables that hold them.

``python -m simqueue.search.explanations`` writes the same texts into the guides of this checkout.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from simqueue.check import INVARIANTS
from simqueue.check.expectations import EXPLANATIONS as EXPECTED
from simqueue.errors import NAME_SHOWN, UsageError, excerpt
from simqueue.model.explanation import Explanation, Subject
from simqueue.model.fault import FAULTS
from simqueue.model.files import write_whole
from simqueue.model.verdict import VERDICTS
from simqueue.report.explanations import filled, render_guide, render_meanings, render_table
from simqueue.search.planning.strategies import STRATEGIES
from simqueue.sim.sources import SOURCES

_SECTIONS: dict[str, Subject] = {
    "invariants": "invariant",
    "expectations": "expectation",
    "faults": "fault",
    "strategies": "strategy",
    "verdicts": "verdict",
}
"""The names of the guides' sections of explanations."""
_WITH_TABLE = ("invariants", "faults", "strategies")
"""The sections that have a table of their names elsewhere in the guide."""
_SUGGESTED = 3


def explanations() -> tuple[Explanation, ...]:
    """Return all explanations, those of one subject together."""
    return (
        *(invariant.explanation for invariant in INVARIANTS),
        *EXPECTED,
        *(fault.explanation for fault in FAULTS),
        *(strategy.explanation for strategy in STRATEGIES),
        *VERDICTS,
        *(source.explanation for source in SOURCES),
    )


def explained(name: str) -> list[Explanation]:
    """Return the explanations of a name: mostly one, for a function perhaps several sources.

    A strategy may have its number (``pct:3``), an invariant its variant (``no-orphan:forever``),
    and a source of entropy may be named by a function (``time.time``).

    Raises:
        UsageError: no explanation has that name.
    """
    known = {each.name: each for each in explanations()}
    wanted = "-".join(name.split()).lower()
    first, *rest = wanted.split(":")
    for each in (wanted, *(rest[:1] if first == "invariant" else ()), first):
        if each in known:
            return [known[each]]
    keys = _of_function(name)
    if not keys:
        raise UsageError(_unknown(name, list(known)))
    return [known[key] for key in keys]


def _of_function(name: str) -> list[str]:
    """Return the keys of the sources of entropy that name a function, best by its whole name."""
    words = {source.key: re.findall(r"[\w.]*\w", source.name) for source in SOURCES}
    whole = [key for key, named in words.items() if name in named]
    if whole or "." not in name:
        return whole
    last = name.rpartition(".")[2]
    return [
        key for key, named in words.items() if last in (each.rpartition(".")[2] for each in named)
    ]


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, _SUGGESTED, 0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    shown = excerpt(name, NAME_SHOWN)
    return f"there is no explanation of '{shown}'.{meant} `simqueue explain` lists all names"


def sections() -> dict[str, str]:
    """Return the guides' sections of explanations, by name."""
    texts = {"entropy": _entropy_table()}
    for section, subject in _SECTIONS.items():
        of_subject = [each for each in explanations() if each.subject == subject]
        texts[section] = render_guide(of_subject)
        if section in _WITH_TABLE:
            texts[f"{section}_table"] = render_meanings(of_subject)
    return texts


def _entropy_table() -> str:
    """Return the sources of entropy as a table: few words each, most of them with one reason."""
    rows = [(f"`{each.key}`", each.name, each.treatment, each.how) for each in SOURCES]
    return render_table(("name", "source", "treatment", "how"), rows)


def guides() -> Iterator[Path]:
    """Yield the guides beside the code that may have such sections."""
    yield from sorted(Path(__file__).parents[1].rglob("README.md"))


def write_guides() -> None:
    """Write the sections of all guides."""
    texts = sections()
    for guide in guides():
        page = guide.read_text(encoding="utf-8")
        write_whole(guide, filled(page, texts).encode())


if __name__ == "__main__":
    write_guides()
