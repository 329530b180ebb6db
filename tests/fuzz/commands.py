"""The command line, called in this process."""

import contextlib
import io

import typer

from simqueue.cli.app import app

COMMAND = typer.main.get_command(app)


def called(*words):
    """Call the command line here; return its exit status and what it printed on both streams."""
    said, complained = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            COMMAND.main(list(words), prog_name="simqueue")
            status = 0
        except SystemExit as ended:
            status = ended.code
    texts = []
    for stream in (said, complained):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return status, *texts
