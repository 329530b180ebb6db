"""Colours at a terminal; elsewhere the text is printed as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simqueue.terminal import say_painted

if TYPE_CHECKING:
    from rich.text import Text

_PALETTE = ("cyan", "magenta", "blue", "yellow", "green", "bright_cyan", "bright_magenta")

_STYLES = (
    (r"(?m)^(Failed|FAILED): .*", "bold red"),
    (r"(?m)^Expected: .*", "green"),
    (r"(?m)^(Passed|passed): .*", "bold green"),
    (r"(?m)^(Again|More): .*", "bold"),
    (r"(?m)^[A-Z][^:#\n]*:( \d+)?$", "bold underline"),
    (r"(?m)^ *#\d+", "dim"),
    (r"(?m)^ +\.\.\. .*", "dim"),
    (r"[+-]\d+\.\d{6}s", "dim cyan"),
    (r"\bbreaks [\w-]+", "bold red"),
    (r"\b(is killed|is paused|is hit by an injected fault|loses its connection)\b", "red"),
    (r"\bcrashes and starts again\b", "red"),
    (r"\(sent at [^)]*\)", "yellow"),
)
_ACTOR = r"(?m)^ *#\d+ +[+-]\d+\.\d{6}s  (?P<actor>\S+)"


def tell(text: str) -> None:
    """Print a story, or another text that ends with a newline, in colours on a terminal."""
    say_painted(text, _painted)


def _painted(text: str) -> Text:
    import re

    from rich.text import Text

    painted = Text(text)
    for pattern, style in _STYLES:
        painted.highlight_regex(pattern, style)
    for actor in re.finditer(_ACTOR, text):
        colour = _PALETTE[sum(actor["actor"].encode()) % len(_PALETTE)]
        painted.stylize(f"bold {colour}", *actor.span("actor"))
    return painted
