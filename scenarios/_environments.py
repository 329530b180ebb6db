"""Virtual environments: this checkout with one release of PgQueuer each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def default_home() -> Path:
    """Return where environments are kept from one call to the next."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "simqueue" / "environments"


def environment(home: Path, release: str) -> Path:
    """Return the interpreter of a release's environment; create the environment if needed."""
    base = home / f"pgqueuer-{release}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, ready = base / "bin" / "python", base / ".simqueue-checkout"
    if ready.is_file() and ready.read_text() == str(ROOT):
        return python
    shutil.rmtree(base, ignore_errors=True)
    venv.create(base, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = [*install, "-e", str(ROOT), f"pgqueuer=={release}"]
    made = subprocess.run(  # noqa: S603  pip, in an environment of ours
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if made.returncode:
        sys.exit(f"{base} cannot be created:\n{made.stdout}")
    ready.write_text(str(ROOT))  # last, so that half an environment is created again
    return python
