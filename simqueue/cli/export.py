"""``simqueue export``: writes a trace in a format of other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from simqueue.cli.options import TraceArgument
from simqueue.cli.outputs import check_outputs
from simqueue.report.export.formats import listed
from simqueue.terminal import say_json


def export_command(
    trace: TraceArgument,
    format: Annotated[  # noqa: A002  as the option is called
        str, typer.Option("--format", metavar="NAME", help=f"{listed()}.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write; by default, and for -, to stdout.",
        ),
    ] = None,
) -> None:
    """Write a trace in a format that other programs read.

    \b
    Examples:
      simqueue export trace.json --format perfetto -o trace.perfetto.json
      simqueue export trace.json --format jsonl | jq 'select(.worker == "a") | .words'
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.files import write_whole
    from simqueue.model.trace import Trace
    from simqueue.report.export import check_format, render_export

    check_format(format)
    recorded = Trace.load(trace)
    file = None if output == "-" else output
    check_outputs({"-o": file}, traces=[trace], targets=[recorded.target])
    document = render_export(recorded, format)
    if file is None:
        say_json(document)
    else:
        write_whole(file, document)
