"""A share: which runs of a campaign are whose."""

from __future__ import annotations

from dataclasses import dataclass

from simqueue.errors import UsageError


@dataclass(frozen=True, slots=True)
class Share:
    """The runs of a campaign: ``runs`` numbers from ``first`` on, those of one shard.

    ``shard`` is (K, N): the K-th of N parts, 1 being the first.
    """

    first: int
    runs: int
    shard: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, first: int, runs: int, shard: tuple[int, int]) -> Share:
        """Return a share.

        Raises:
            UsageError: there is no such shard, or no run in it.
        """
        this, of = shard
        if not 1 <= this <= of:
            raise UsageError(f"shard {this}/{of}: write K/N with K from 1 to N")
        if runs < of:
            raise UsageError(f"{runs} runs cannot be split into {of} shards")
        return cls(first, runs, shard)

    def numbers(self) -> range:
        """Return the numbers of this share."""
        this, of = self.shard
        return range(self.first + this - 1, self.first + self.runs, of)
