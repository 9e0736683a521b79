"""Which shard of a run this is, as an option or what started this process states it; and what a shard leaves out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imgcls.errors import ConfigError
from imgcls.records.shards import Shard

if TYPE_CHECKING:
    from imgcls.records.config import Settings

SLURM = "SLURM_ARRAY_TASK_ID"
RANK = "RANK"
KUBERNETES = "JOB_COMPLETION_INDEX"

OF_WHOLE = (
    *("csv", "markdown", "report", "comment", "code-quality", "save", "baseline", "compare-fail", "compare-common"),
    *("require-gates", "update-golden", "profile"),
)
"""Options that are about a whole run."""

OPTIONS = (*OF_WHOLE, "store", "json")
"""Options that a shard is checked for."""

Variables = Mapping[str, str]

_EXACT = re.compile(r"(\d+)/(\d+)")
_AUTO = re.compile(r"auto(?:/(\d+))?")


def shard(option: str, text: str, variables: Variables = os.environ) -> Shard:
    """The shard of ``I/N``, ``auto`` or ``auto/N``; ``variables``: those of the environment. Raises ConfigError."""
    if exact := _EXACT.fullmatch(text):
        return _checked(option, text, int(exact[1]), int(exact[2]))
    if automatic := _AUTO.fullmatch(text):
        return _automatic(option, text, int(automatic[1]) if automatic[1] else None, variables)
    numbers = re.findall(r"\d+", text)
    nearest = "/".join(numbers) if len(numbers) == 2 else "1/8"
    raise ConfigError(f"{option} {text}: not a shard: write I/N, as in {option} {nearest}, or {option} auto")


def _checked(option: str, text: str, number: int, count: int) -> Shard:
    if count < 1:
        raise ConfigError(f"{option} {text}: a run has at least one shard: write {option} 1/1 for all of it")
    if number < 1:
        raise ConfigError(f"{option} {text}: shards are counted from 1: write {option} 1/{count} for the first")
    if number > count:
        raise ConfigError(f"{option} {text}: there are only {count}: write {option} {count}/{count} for the last")
    return Shard(number, count)


@dataclass(frozen=True, slots=True)
class _Stated:
    """What a variable states; ``count`` is None where no variable has it."""

    variable: str
    number: int
    count: int | None

    def __str__(self) -> str:
        count = f" of {self.count}" if self.count else ""
        return f"{self.variable} states shard {self.number}{count}"


def _automatic(option: str, text: str, count: int | None, variables: Variables) -> Shard:
    stated = list(_stated(option, text, variables))
    if not stated:
        raise ConfigError(
            f"{option} {text}: none of {SLURM}, {RANK} and {KUBERNETES} is set here: write I/N, as in {option} 1/8"
        )
    counts = {one.count for one in stated if one.count} | ({count} if count else set())
    if len({one.number for one in stated}) > 1 or len(counts) > 1:
        by_option = [f"{option} states {count}"] if count else []
        raise ConfigError(
            f"{option} {text}: {', '.join([*map(str, stated), *by_option])}: "
            f"write which one is meant, as in {option} {stated[0].number}/{max(counts, default=8)}"
        )
    if not counts:
        raise ConfigError(
            f"{option} {text}: {stated[0]}, and no variable states of how many: "
            f"write {option} auto/N, where N is the job's `completions`"
        )
    return _checked(option, text, stated[0].number, counts.pop())


def _stated(option: str, text: str, variables: Variables) -> Iterator[_Stated]:
    def number(name: str, default: int | None = None) -> int:
        value = variables.get(name)
        if value is None and default is not None:
            return default
        if value is None or not re.fullmatch(r"-?\d+", value):
            state = "not set" if value is None else f"'{value}', which is not a number"
            raise ConfigError(f"{option} {text}: {name} is {state}: write I/N, as in {option} 1/8")
        return int(value)

    if SLURM in variables:
        first, step = number("SLURM_ARRAY_TASK_MIN"), number("SLURM_ARRAY_TASK_STEP", 1)
        count, last = number("SLURM_ARRAY_TASK_COUNT"), number("SLURM_ARRAY_TASK_MAX", 0)
        if last and last - first != (count - 1) * step:
            raise ConfigError(
                f"{option} {text}: the tasks of this array are not numbered without gaps: write --array=1-{count}"
            )
        yield _Stated(SLURM, (number(SLURM) - first) // step + 1, count)
    if RANK in variables:
        yield _Stated(RANK, number(RANK) + 1, number("WORLD_SIZE"))
    if KUBERNETES in variables:
        yield _Stated(KUBERNETES, number(KUBERNETES) + 1, None)


def check(given: Mapping[str, object], prefix: str) -> None:
    """Raise ConfigError for options of a shard that are about a whole run; ``given``: the values of :data:`OPTIONS`."""
    if name := next((name for name in OF_WHOLE if given[name]), None):
        raise ConfigError(
            f"{prefix}shard and {prefix}{name} do not go together: {prefix}{name} is about a whole run, so give it to "
            "the run on the merged stores (imgcls store merge), or to imgcls merge"
        )
    if given["store"] is None and given["json"] is None:
        raise ConfigError(
            f"{prefix}shard and {prefix}store off leave nothing of a shard: "
            f"name a folder with {prefix}store DIR, or a document with {prefix}json FILE"
        )


def without_gates(settings: Settings) -> Settings:
    """The same models and datasets without anything that only a whole run is held against."""
    return replace(
        settings,
        datasets={name: replace(dataset, golden=False) for name, dataset in settings.datasets.items()},
        models={name: replace(model, exports={}, serving=None) for name, model in settings.models.items()},
        gates={},
        margins={},
        left_out=(),
        latency={},
        memory={},
        parity={},
    )


def line(shard: Shard) -> str:
    """What a run of a shard states in the place of how many gates were evaluated."""
    return f"{shard}: gates are evaluated by the whole run (imgcls store merge)"
