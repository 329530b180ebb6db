"""Tasks and futures that hash by their number, so that sets of them iterate alike in every process."""

from __future__ import annotations

import asyncio
from typing import Any


class NumberedFuture(asyncio.Future):  # type: ignore[type-arg]
    """A future that hashes by the order of its creation in its loop."""

    def __init__(self, *, loop: Any = None) -> None:  # noqa: ANN401
        super().__init__(loop=loop)
        self.number = self.get_loop().next_number()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return self.number


class NumberedTask(asyncio.Task):  # type: ignore[type-arg]
    """A task that hashes by the order of its creation in its loop."""

    def __init__(self, coro: Any, *, loop: Any, name: str, context: Any = None) -> None:  # noqa: ANN401
        self.number = loop.next_number()
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self.number
