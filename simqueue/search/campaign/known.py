"""Known failures: a file lists failures that are accepted, so that a campaign reports new ones."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import msgspec

from simqueue.errors import UsageError, excerpt
from simqueue.model.config import Config
from simqueue.model.files import changing, read_whole, write_whole
from simqueue.model.files import reason as reason_of
from simqueue.model.trace import Trace

DEFAULT_FILE = ".simqueue/known.toml"
_HEADER = """\
# Failures that `simqueue accept` made known. `simqueue fuzz` counts them, and looks for the next.
# Entries may be edited and removed by hand; other comments do not outlive the next `accept`.
"""
_INVARIANT = "invariant:"
"""The prefix of the signatures of failures after which a run can go on."""

_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
_DELETE = 0x7F


class KnownFailure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An accepted failure of one target: its signature, the reason, and the date."""

    target: str
    signature: str
    reason: str
    message: str
    accepted: date


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    failure: tuple[KnownFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """The accepted failures of a file, which need not exist; none by default."""

    file: str = DEFAULT_FILE
    failures: tuple[KnownFailure, ...] = ()

    def of(self, target: str) -> dict[str, KnownFailure]:
        """Return a target's, by signature."""
        failures = (each for each in self.failures if each.target == target)
        return {failure.signature: failure for failure in failures}

    def survived_by(self, config: Config, target: str) -> Config:
        """Return a configuration whose runs go on after accepted violations of invariants."""
        broken = {signature for signature in self.of(target) if signature.startswith(_INVARIANT)}
        if not broken:
            return config
        accepted = tuple(sorted(broken.union(config.accepted)))
        return msgspec.structs.replace(config, accepted=accepted)

    def with_failure(self, failure: KnownFailure) -> Known:
        """Return these with one more, which replaces that of the same target and signature."""
        key = failure.target, failure.signature
        others = [each for each in self.failures if (each.target, each.signature) != key]
        return Known(self.file, tuple(sorted([*others, failure], key=_place)))


def _place(failure: KnownFailure) -> tuple[str, str]:
    return failure.target, failure.signature


def load_known(path: str | os.PathLike[str] = DEFAULT_FILE, *, missing_ok: bool = False) -> Known:
    """Read a file of known failures; one that is missing holds none, if that is allowed.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    file = os.fspath(path)
    try:
        document = tomllib.loads(read_whole(path).decode().replace("\r\n", "\n"))
        return Known(file, msgspec.convert(document, _Document).failure)
    except FileNotFoundError:
        if missing_ok:
            return Known(file)
        raise UsageError(f"{file}: there is no such file; `simqueue accept` makes one") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({reason_of(error)})") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{file}: is not TOML: {excerpt(str(error))}; mend or remove it") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: is not UTF-8 text; mend or remove it") from None
    except msgspec.ValidationError as error:
        problem = f"does not hold known failures: {excerpt(str(error))}; mend or remove that entry"
        raise UsageError(f"{file}: {problem}") from None


def accept(
    trace: Trace, reason: str, *, today: date, path: str | os.PathLike[str] = DEFAULT_FILE
) -> KnownFailure:
    """Accept a trace's failure for its target; accepting it again replaces the reason.

    Raises:
        UsageError: the run passed, no reason is given, or the file cannot be read or written.
    """
    failure = trace.outcome.failure
    if failure is None:
        raise UsageError("the run passed: there is no failure to accept")
    if not reason.strip():
        raise UsageError("say why the failure is accepted: --reason TEXT")
    message = failure.message.partition("\n")[0]
    known = KnownFailure(trace.target, failure.signature, reason.strip(), message, today)
    with changing(path):
        all_of_them = load_known(path, missing_ok=True).with_failure(known)
        write_whole(path, render(all_of_them.failures).encode(errors="replace"))
    return known


# --- TOML -----------------------------------------------------------------------------------------


def render(failures: Iterable[KnownFailure]) -> str:
    """Return the document that ``load_known`` reads as these failures."""
    return "\n".join([_HEADER, *map(_render_entry, failures)])


def _render_entry(failure: KnownFailure) -> str:
    texts = (f"{name} = {_quoted(getattr(failure, name))}\n" for name in _TEXTS)
    return f"[[failure]]\n{''.join(texts)}accepted = {failure.accepted.isoformat()}\n"


_TEXTS = ("target", "signature", "reason", "message")


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    return f"\\u{code:04x}" if code < ord(" ") or code == _DELETE else character
