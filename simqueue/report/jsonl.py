"""Events as JSON, one a line, for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from simqueue.report.lines import Numbered
from simqueue.report.words import words


def render_jsonl(entries: Iterable[Numbered]) -> Iterator[str]:
    """Yield a JSON object for each entry: as the trace has it, with its number and its words."""
    for number, entry in entries:
        fields = {"number": number, **msgspec.to_builtins(entry), "words": words(entry.event)}
        yield msgspec.json.encode(fields).decode()
