"""The catalogue: moments that a scenario's source marks with ``sometimes``, called or not.

A call that no run reaches leaves no event. So the source is read: the scenario, and the functions
and classes of its module that it names, directly or through others.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import CodeType
from typing import Any

_MARK = "sometimes"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Scope = Definition | ast.Module


def moments_in(scenario: object) -> frozenset[str]:
    """Return the literal names that a scenario may call ``sometimes`` with; none without source."""
    code = code_of(scenario)
    source = None if code is None else _Source.of(code.co_filename)
    start = None if source is None or code is None else source.definition_of(code)
    if source is None or start is None:
        return frozenset()
    return frozenset(name for each in source.reachable(start) for name in _marked(each))


def fingerprint(scenario: object) -> str:
    """Return a hash of the file that a scenario is from, empty if there is none."""
    code = code_of(scenario)
    try:
        source = b"" if code is None else Path(code.co_filename).read_bytes()
    except OSError:
        return ""
    return blake2b(source, digest_size=8).hexdigest()


def code_of(scenario: Any) -> CodeType | None:
    """Return the code of a function, or of the one that something wraps or is called through."""
    while isinstance(scenario, functools.partial):
        scenario = scenario.func
    plain = inspect.unwrap(scenario)
    if not hasattr(plain, "__code__"):
        plain = getattr(plain, "__func__", getattr(type(plain), "__call__", None))  # noqa: B004
    return getattr(plain, "__code__", None)


def _marked(definition: Definition) -> Iterator[str]:
    """Yield the names in calls of an attribute ``sometimes``."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = [each.value for each in node.keywords if each.arg == "name"]
            first = next(iter([*node.args, *named]), None)
            if node.func.attr == _MARK and isinstance(first, ast.Constant):
                yield from [first.value] if isinstance(first.value, str) else []


class _Source:
    """A module's source, and in which scope each definition stands."""

    def __init__(self, tree: ast.Module) -> None:
        self._scopes: dict[Definition, Scope] = {}
        self._names: dict[Scope, dict[str, list[Definition]]] = {}
        self._enter(tree)

    @classmethod
    def of(cls, file: str) -> _Source | None:
        """Read a file, if there is one and it can be parsed."""
        try:
            return cls(ast.parse("".join(linecache.getlines(file))))
        except (SyntaxError, ValueError, RecursionError):
            return None

    def _enter(self, scope: Scope) -> None:
        names = self._names[scope] = {}
        for definition in _defined_in(ast.iter_child_nodes(scope)):
            self._scopes[definition] = scope
            names.setdefault(definition.name, []).append(definition)
            self._enter(definition)

    def definition_of(self, code: CodeType) -> Definition | None:
        """Return the function that code was compiled from."""
        for definition in self._scopes:
            lines = [definition.lineno, *(each.lineno for each in definition.decorator_list)]
            if (definition.name, min(lines)) == (code.co_name, code.co_firstlineno):
                return definition
        return None

    def reachable(self, start: Definition) -> Iterable[Definition]:
        """Return a definition and all definitions that it names, directly or through others."""
        seen: dict[Definition, None] = {}
        waiting = [start]
        while waiting:
            definition = waiting.pop()
            if definition not in seen:
                seen[definition] = None
                waiting += self._named_in(definition)
        return seen

    def _named_in(self, definition: Definition) -> Iterator[Definition]:
        for node in ast.walk(definition):
            if isinstance(node, ast.Name):
                yield from self._visible(node.id, definition)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield from self._methods(node, definition)

    def _visible(self, name: str, definition: Definition) -> list[Definition]:
        """Return the definition that a name refers to inside a definition: the innermost one."""
        scope: Scope | None = definition
        while scope is not None:
            # A class's own names are not seen from its methods.
            if not isinstance(scope, ast.ClassDef) and name in self._names[scope]:
                return self._names[scope][name]
            scope = None if isinstance(scope, ast.Module) else self._scopes[scope]
        return []

    def _methods(self, attribute: ast.Attribute, definition: Definition) -> list[Definition]:
        """Return the methods that ``self.name`` stands for in another method of the class."""
        scope = self._scopes[definition]
        if isinstance(definition, ast.ClassDef) or not isinstance(scope, ast.ClassDef):
            return []
        own = next((each.arg for each in definition.args.args), None)
        of_own = isinstance(attribute.value, ast.Name) and attribute.value.id == own
        return self._names[scope].get(attribute.attr, []) if of_own else []


def _defined_in(nodes: Iterable[ast.AST]) -> Iterator[Definition]:
    """Yield the definitions of one scope, also those in its ``if`` and ``with`` blocks."""
    for node in nodes:
        if isinstance(node, Definition):
            yield node
        else:
            yield from _defined_in(ast.iter_child_nodes(node))
