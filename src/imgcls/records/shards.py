"""A part of the images of a run, by their paths."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts, ``number`` from 1."""

    number: int
    count: int

    @property
    def folder(self) -> str:
        """The folder of its store in ``.imgcls``, where none is named: shards of one machine do not wait."""
        return f"shard-{self.number}-of-{self.count}"

    def __str__(self) -> str:
        return f"shard {self.number} of {self.count}"
