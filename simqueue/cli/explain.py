"""``simqueue explain``: the meaning of a name that simqueue prints."""

from __future__ import annotations

from typing import Annotated

import typer

from simqueue.terminal import say, say_json


def explain_command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="What to explain; without it all names are listed."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print explanations as JSON, one a line.")
    ] = False,
) -> None:
    """Explain an invariant, a fault, a strategy, a verdict or a source of entropy.

    Prints what it means, why it matters, what is no violation, and what to do.

    \b
    Examples:
      simqueue explain
      simqueue explain no-orphan
      simqueue explain time.time
    """  # noqa: D301  the backspace keeps lines apart
    import msgspec

    from simqueue.report.explanations import render_explanation, render_index
    from simqueue.search.explanations import explained, explanations

    chosen = explanations() if name is None else explained(name)
    if as_json:
        say_json(b"".join(msgspec.json.encode(each) + b"\n" for each in chosen))
    elif name is None:
        say(render_index(chosen))
    else:
        say("\n\n".join(map(render_explanation, chosen)))
