"""A target: a scenario by its name on the command line and in traces."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import linecache
import os
import shlex
import sys
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from simqueue.errors import NAME_SHOWN, TargetError, excerpt
from simqueue.model.config import Config
from simqueue.model.files import reason
from simqueue.search.nodes import PYTEST, node_of
from simqueue.sim.run import Scenario, is_scenario

FUNCTION = "scenario"
CONFIG = "CONFIG"
"""The name of the config of a module's scenarios."""

_PACKAGES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


@dataclass(frozen=True, slots=True)
class Target:
    """A scenario and its ``name``: ``path/file.py:function``, relative to the current directory.

    ``declared`` is its module's ``CONFIG``, None if it has none.
    """

    name: str
    scenario: Scenario
    declared: object = None

    @property
    def config(self) -> Config | None:
        """The config that its module declares, if it does; raise ``TargetError`` if it is none."""
        if self.declared is None or isinstance(self.declared, Config):
            return self.declared
        where, kind = self.name.rpartition(":")[0], type(self.declared).__name__
        problem = f"{CONFIG} is a {kind}, and must be a simqueue.Config"
        raise TargetError(where, f"{problem}; give what is something else another name")


Admit = Callable[[str], object]
"""Is called with a target that exists, before any of its code runs; raises to refuse it."""


def load_target(text: str, admit: Admit | None = None) -> Target:
    """Find the scenario that ``path/file.py[:function]`` or ``package.module[:function]`` names.

    Raises:
        TargetError: there is none, or it is not a scenario, or its module cannot be imported.
    """
    try:
        return _find(text, admit)
    except (OSError, ValueError) as error:  # a name that no file can have
        raise TargetError(text, f"cannot be looked for ({reason(error)})") from None


def _find(text: str, admit: Admit | None) -> Target:
    if Path(text).is_dir():
        raise TargetError(text, "is a directory; name one file in it")
    where, _, function = text.partition(":")
    if text.startswith(PYTEST):
        raise TargetError(text, "is a test; run it with pytest")
    path = file_of(text)
    if path is not None:
        return _named(_load_file(path, text, admit), function or FUNCTION, relative(path))
    return _named(load_module(where, text, admit), function or FUNCTION, where)


def file_of(text: str) -> Path | None:
    """Return the file that a target names; None if it names a module.

    Raises:
        TargetError: it begins as that of a test, and no test can be called so.
    """
    if text.startswith(PYTEST):
        return Path(node_of(text).partition("::")[0])
    where = text.partition(":")[0]
    return Path(where) if where.endswith(".py") or os.sep in where else None


def as_word(text: str) -> str:
    """Return a target, or a test's id, as a word for a shell, which no command takes as option."""
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def load_targets(text: str) -> list[Target]:
    """Find the scenario that ``text`` names, or those of each file of a directory, by file name.

    Raises:
        TargetError: as ``load_target``, or no file of the directory has a scenario.
    """
    if not Path(text).is_dir():
        return [load_target(text)]
    targets = []
    for path in sorted(Path(text).glob("[!_.]*.py")):
        module = _load_file(path, str(path))
        if hasattr(module, FUNCTION):
            targets.append(_named(module, FUNCTION, relative(path)))
    if not targets:
        raise TargetError(text, f"no *.py in this directory has an `async def {FUNCTION}(sim)`")
    return targets


def relative(path: Path) -> str:
    """Return a path as seen from the current directory, with slashes."""
    return Path(os.path.relpath(path)).as_posix()


def _named(module: ModuleType, function: str, where: str) -> Target:
    name = f"{where}:{function}"
    scenario = getattr(module, function, None)
    if scenario is None:
        offered = [key for key, value in vars(module).items() if _is_scenario(value, module)]
        hint = f"; it has: {', '.join(offered)}" if offered else ""
        raise TargetError(name, f"{where} has no function {excerpt(repr(function))}{hint}")
    _check(scenario, name)
    return Target(name, scenario, getattr(module, CONFIG, None))


def _is_scenario(value: object, module: ModuleType) -> bool:
    return inspect.iscoroutinefunction(value) and value.__module__ == module.__name__


def _check(scenario: object, name: str) -> None:
    if not is_scenario(scenario):
        raise TargetError(name, "is not an `async def` function of one Simulation")
    try:
        inspect.signature(scenario).bind(None)  # type: ignore[arg-type]
    except TypeError as error:
        raise TargetError(name, f"must take one argument, the Simulation: {error}") from None


# --- modules ----------------------------------------------------------------------------------


def load_module(name: str, text: str, admit: Admit | None = None) -> ModuleType:
    """Import a module of the current directory or of an installed package.

    Raises:
        TargetError: there is none, or it cannot be imported; ``text`` is the target as the user
        wrote it.
    """
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    if not _exists(name.partition(".")[0]):
        problem = f"there is no module or file {excerpt(repr(name))}; name a file as path/file.py"
        raise TargetError(text, problem)
    if admit is not None:
        admit(text)
    return _imported(lambda: importlib.import_module(name), text)


def _exists(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # an empty name, or one that is no file, such as __main__
        return False


def _check_name(name: str, text: str) -> None:
    """Raise ``TargetError`` for the name of a file that no trace can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="backslashreplace").decode()
        problem = "its name is not UTF-8, which traces are written in; rename it"
        raise TargetError(shown, problem) from None


def _load_file(path: Path, text: str, admit: Admit | None = None) -> ModuleType:
    _check_name(relative(path), text)
    try:
        path = path.resolve()
    except RuntimeError:  # before Python 3.13; then it is no file
        raise TargetError(text, "is a symbolic link to itself") from None
    if not path.is_file():
        raise TargetError(
            text, "there is no such file; paths are relative to the current directory"
        )
    if admit is not None:
        admit(text)
    _make_importable(path.parent)
    linecache.checkcache(str(path))
    module = ModuleType(_module_name(path))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module

    def load() -> ModuleType:
        # Not through the import system: its bytecode cache takes a file that was changed twice
        # within a second for the first version.
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102  the user's own scenario
        return module

    return _imported(load, text)


def _make_importable(directory: Path) -> None:
    """Let files of ``directory`` import each other, also after others of the same names."""
    if str(directory) in sys.path:
        sys.path.remove(str(directory))
    sys.path.insert(0, str(directory))
    for neighbour in directory.glob("*.py"):
        loaded = getattr(sys.modules.get(neighbour.stem), "__file__", None)
        if loaded and Path(loaded).parent != directory and not is_installed(loaded):
            del sys.modules[neighbour.stem]


def _module_name(path: Path) -> str:
    """Return the file's stem, unless a module of the library or of a package goes by that name."""
    loaded = getattr(sys.modules.get(path.stem), "__file__", None)
    if path.stem in sys.stdlib_module_names or (loaded and is_installed(loaded)):
        return f"{path.stem}_scenario"
    return path.stem


def is_installed(file: str) -> bool:
    """Return whether a file is Python's own or an installed package's."""
    return file.startswith(tuple(root + os.sep for root in _PACKAGES))


def _imported(load: Callable[[], ModuleType], text: str) -> ModuleType:
    try:
        return load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may also exit
        raise TargetError(text, f"cannot be imported: {_blamed(error)}") from error


def _blamed(error: BaseException) -> str:
    """Name the line that failed, and the error."""
    message = excerpt(" ".join(f"{type(error).__name__}: {error}".split()), NAME_SHOWN)
    if isinstance(error, SyntaxError):
        return f"{relative(Path(error.filename or '?'))}:{error.lineno}: {message}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and not _is_ours(frame.filename)
    ]
    return (
        f"{relative(Path(frames[-1].filename))}:{frames[-1].lineno}: {message}"
        if frames
        else message
    )


def _is_ours(file: str) -> bool:
    return Path(file) == Path(__file__) or Path(file).parent == Path(importlib.__file__).parent
