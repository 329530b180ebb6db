"""Run the parity suite under every supported minor release of PgQueuer, an environment each.

    python -m tests.parity [--sequences N] [RELEASE ...]

Environments are made in a temporary directory with the running interpreter. In the end there is a
table of how much was compared; the exit status is 0 if nothing differed anywhere.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

RELEASES = ("1.0.2", "1.1.1", "1.2.0", "1.3.2", "1.4.0", "1.5.0", "1.6.0")
ROOT = Path(__file__).parents[2]

_SUMMARY = re.compile(
    r"parity: pgqueuer (\S+), PostgreSQL (\S+): ([\d,]+) sequences, ([\d,]+) operations"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("releases", nargs="*", default=RELEASES, metavar="RELEASE")
    parser.add_argument("--sequences", type=int, default=1000, help="of 60 operations, per release")
    options = parser.parse_args()
    rows = [_compare(release, options.sequences) for release in options.releases]
    say("\n| PgQueuer | PostgreSQL | sequences | operations compared | differences |")
    say("|---|---|---|---|---|")
    for row in rows:
        say(f"| {' | '.join(row)} |")
    return int(any(row[-1] != "none" for row in rows))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _compare(release: str, sequences: int) -> tuple[str, str, str, str, str]:
    """Return what there is to say of a release."""
    say(f"== PgQueuer {release}")
    with tempfile.TemporaryDirectory(prefix="simqueue-parity-") as base:
        python = _environment(Path(base), release)
        suite = subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/parity"],
            cwd=ROOT,
            env={**os.environ, "SIMQUEUE_PARITY_SEQUENCES": str(sequences)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    say(suite.stdout)
    found = _SUMMARY.search(suite.stdout)
    _, server, done, operations = found.groups() if found else ("", "-", "0", "0")
    return release, server, done, operations, "see above" if suite.returncode else "none"


def _environment(base: Path, release: str) -> Path:
    """Make a virtual environment with a release of PgQueuer; return its interpreter."""
    venv.create(base, with_pip=True)
    python = base / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-e", f"{ROOT}[test]", f"pgqueuer=={release}"], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
