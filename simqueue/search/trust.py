"""Trust: whether the scenario that a trace names may be run without asking the user.

A trace may come from another user, and playing it runs the code that it names. Code below the
current directory and modules that Python can import are the user's own. Anything else is run only
if the user agrees.
"""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from simqueue.errors import TargetError, excerpt
from simqueue.model.files import reason
from simqueue.search.target import file_of, is_installed

TARGET_SHOWN = 1_000
"""Characters of a target that are shown."""


def objection(target: str, home: Path | None = None) -> str:
    """Return why a target must not be run without asking; an empty text if it may be.

    Symbolic links and ``..`` are resolved, of the target and of ``home``, the directory that it is
    relative to, which is the current one by default. Modules are looked for where Python finds them
    now. Nothing is imported.
    """
    home = (home or Path.cwd()).resolve()
    try:
        file = file_of(target)
        if file is not None:
            return _objection_to_file(home / file, home)
        return _objection_to_module(target.partition(":")[0], home)
    except (OSError, RuntimeError, ValueError) as error:  # no file can have the name, or links loop
        return f"cannot be looked for ({reason(error)})"


def refuse_untrusted(target: str) -> None:
    """Raise ``TargetError`` for a target that must not be run without asking."""
    problem = objection(target)
    if problem:
        hint = "pass scenario=... if you trust it"
        raise TargetError(excerpt(target, TARGET_SHOWN), f"{problem}; {hint}")


def _objection_to_file(path: Path, home: Path) -> str:
    resolved = path.resolve()
    if not resolved.is_relative_to(home):
        return f"is not below the current directory ({excerpt(str(resolved), TARGET_SHOWN)})"
    if resolved.suffix != ".py":
        return f"is not a *.py file ({excerpt(resolved.name)})"
    return ""


def _objection_to_module(name: str, home: Path) -> str:
    package, *inner = name.split(".")
    if "__main__" in inner:  # importing most of them runs them
        return "is a program, which holds no scenarios"
    if _is_standard(package):
        return "is a module of Python's standard library, which holds no scenarios"
    problems = (_objection_to_file(path, home) for path in _imported_files(name, home))
    return next(filter(None, problems), "")


def _is_standard(package: str) -> bool:
    """Return whether a package is of Python's standard library; a user's own may be called test."""
    if package in sys.stdlib_module_names:
        return True
    tests = os.path.join(sysconfig.get_path("stdlib"), "test", "")  # noqa: PTH118  as text
    return package == "test" and any(
        (spec.origin or "").startswith(tests) for spec in _specs(package)
    )


def _imported_files(name: str, home: Path) -> Iterator[Path]:
    """Return the files below ``home`` that an import of a module runs: its own, its packages'.

    Files elsewhere are found where the user lets Python look for modules.
    """
    for spec in _specs(name):
        if not spec.has_location or spec.origin is None or is_installed(spec.origin):
            continue
        path = Path(os.path.abspath(spec.origin))  # noqa: PTH100  links are not resolved yet
        if path.is_relative_to(home) or path.resolve().is_relative_to(home):
            yield path


def _specs(name: str) -> Iterator[ModuleSpec]:
    """Return where a module and the packages around it are found, without an import of any."""
    package, *inner = name.split(".")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    while spec is not None:
        yield spec
        if not inner:
            return
        spec = _spec_within(spec, inner.pop(0))


def _spec_within(package: ModuleSpec, name: str) -> ModuleSpec | None:
    """Return where a package's module is found; importlib would import the package to say so."""
    full = f"{package.name}.{name}"
    namespace = ModuleSpec(full, None, is_package=True)
    portions: list[str] = []
    for location in package.submodule_search_locations or ():
        finder = pkgutil.get_importer(location)
        spec = finder.find_spec(full) if finder is not None else None
        if spec is not None and spec.loader is not None:
            return spec
        portions += (spec and spec.submodule_search_locations) or ()
    namespace.submodule_search_locations = portions
    return namespace if portions else None
