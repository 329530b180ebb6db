"""Node ids: how pytest names a test, and how the target of a test's trace has it."""

from __future__ import annotations

import re

from simqueue.errors import TargetError, excerpt

PYTEST = "pytest:"
"""The prefix of the target of a trace made by the pytest plugin; the node id follows."""

_NODE_ID = re.compile(
    r"""
    (?! [-@] )                                # pytest takes those for an option and a list
    (?: [^\x00-\x1f\x7f\[:] | :(?!:) )+ \.py  # the file
    (?: :: [^\x00-\x1f\x7f\[:]+ )+            # classes and the test
    (?: \[ .* \] )?                           # its parameters, which may have any names
    """,
    re.VERBOSE | re.DOTALL,
)


def node_of(target: str) -> str:
    """Return the node id in the target of a test; pytest cannot take it for anything else.

    Raises:
        TargetError: it is no node id; it may be an option of pytest's.
    """
    node = target.removeprefix(PYTEST)
    if _NODE_ID.fullmatch(node) is None:
        problem = f"what follows {PYTEST} is not a test's id, such as tests/test_x.py::test_x"
        raise TargetError(excerpt(target), problem)
    return node
