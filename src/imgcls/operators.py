"""Which operators a call of a model spends its time and memory on, by torch.profiler, and which of them moved."""

import functools
import math
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from imgcls import conditions, documents, limits
from imgcls.errors import ConfigError, ModelError
from imgcls.measures import Clock, Conditions, Movement, Mover, Operator, Profile
from imgcls.models import Model

FORMAT = 1
WARM_UP = 3
SEED = 0
MEMORY = "[memory]"
"""What torch.profiler calls allocations outside of all operators; it is no operator."""

FIGURES = [f.name for f in fields(Operator) if f.name != "name"]

LOG_LEVEL, SILENT = "KINETO_LOG_LEVEL", "99"
"""Where torch.profiler's collector reads, once, what it logs on the standard error stream."""

WORK = ("device", "batch", "input", "threads", "machine")
"""What must be equal, or the two did not do the same work under the same conditions."""

NOTED = ("model", "arch", "runtime", "precision")

CHANCE = 0.05
"""Ranges that are apart show something only where they would rarely be apart by chance: from four repeats each on."""


@dataclass(frozen=True, slots=True)
class _Document:
    format: int
    profiles: tuple[Profile, ...]


UNSEEN = {
    "numpy": "bench/reference_step.py in the repository says where its time goes",
    "openvino": 'runtime = "eager" shows the same network\'s operators',
}
"""Runtimes that are none of torch's, and where to look instead."""


def profile(model: Model, batch: int = 1, repeats: int = 5, trace: Path | None = None) -> Profile:
    """The operators of one call of a loaded model with so many pictures at a time, as scoring calls it.

    Every repeat is a session of the profiler of its own, after a warm-up. The profiler itself takes time, above all
    for many small operators: what it tells is shares and differences, not latency.
    ``trace``: where to write the last repeat for chrome://tracing or Perfetto. Raises ModelError and OSError.
    """
    import torch

    if instead := UNSEEN.get(model.facts.runtime):
        raise ModelError(
            f"[models.{model.spec.name}] {model.spec.arch} runs on {model.facts.runtime}, of which torch.profiler sees "
            f"nothing; {instead}"
        )
    pictures = torch.randn(batch, 3, *model.facts.input.crop, generator=torch.Generator().manual_seed(SEED))
    call, cuda = functools.partial(model.classifier.logits, pictures), model.facts.device != "cpu"
    with conditions.fixed_threads(), _silent():
        sessions = [_session(call, cuda) for _ in range(WARM_UP + repeats)][WARM_UP:]
    if trace:
        _write_trace(sessions[-1], trace)
    return _profile(conditions.of(model, batch), [_table(session, cuda) for session in sessions], cuda)


def _profile(asked: Conditions, tables: Sequence[Mapping[str, Operator]], cuda: bool) -> Profile:
    """One table out of one per repeat."""
    names = dict.fromkeys(name for table in tables for name in table)
    found = [_over([table.get(name, _nothing(name, cuda)) for table in tables]) for name in names]
    of_cpu = tuple(sum(row.self_cpu_ns for row in table.values()) for table in tables)
    of_cuda = tuple(sum(row.self_cuda_ns or 0 for row in table.values()) for table in tables)
    found.sort(key=lambda row: row.self_ns, reverse=True)
    return Profile(asked, of_cpu, tuple(found), of_cuda if cuda else None)


def _session(call: Callable[[], object], cuda: bool) -> Any:
    """One profiled call."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
    with profile(activities=activities, profile_memory=True, acc_events=True) as session:
        call()
    return session


@contextmanager
def _silent() -> Iterator[None]:
    """Meanwhile the profiler's collector logs nothing, unless the environment says what it should."""
    asked = LOG_LEVEL in os.environ
    os.environ.setdefault(LOG_LEVEL, SILENT)
    try:
        yield
    finally:
        if not asked:
            del os.environ[LOG_LEVEL]


def _write_trace(session: Any, file: Path) -> None:
    """The trace in a file that is whole or, after any failure, what it was before; ``.gz`` compresses it."""
    half = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        session.export_chrome_trace(str(half))
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


# Rows.


def _table(session: Any, cuda: bool) -> dict[str, Operator]:
    """What the host ran, by name; kernels are no rows of their own but the CUDA time of who launched them."""
    rows = (row for row in session.key_averages() if row.device_type.name == "CPU" and row.key != MEMORY)
    return {row.key: _operator(row, cuda) for row in rows}


def _operator(row: Any, cuda: bool) -> Operator:
    self_cpu_ns, self_cuda_ns = _ns(row.self_cpu_time_total), _ns(row.self_device_time_total)
    of_host = Operator(
        name=row.key,
        calls=row.count,
        self_cpu_ns=self_cpu_ns,
        cpu_total_ns=_ns(row.cpu_time_total),
        cpu_memory_bytes=row.cpu_memory_usage,
        self_cpu_memory_bytes=row.self_cpu_memory_usage,
        self_cpu_low_ns=self_cpu_ns,
        self_cpu_high_ns=self_cpu_ns,
    )
    if not cuda:
        return of_host
    return replace(
        of_host,
        self_cuda_ns=self_cuda_ns,
        cuda_total_ns=_ns(row.device_time_total),
        cuda_memory_bytes=row.device_memory_usage,
        self_cuda_memory_bytes=row.self_device_memory_usage,
        self_cuda_low_ns=self_cuda_ns,
        self_cuda_high_ns=self_cuda_ns,
    )


def _ns(microseconds: float) -> int:
    return round(microseconds * 1000)


def _nothing(name: str, cuda: bool) -> Operator:
    """The row of an operator in a call that did without it."""
    nothing: dict[str, Any] = {figure: 0 if cuda or "cuda" not in figure else None for figure in FIGURES}
    return Operator(name, **nothing)


def _over(rows: Sequence[Operator]) -> Operator:
    """One operator over all repeats."""
    summary: dict[str, Any] = {figure: _summary(figure, rows) for figure in FIGURES}
    return Operator(rows[0].name, **summary)


def _summary(figure: str, rows: Sequence[Operator]) -> int | None:
    values = [value for row in rows if (value := getattr(row, figure)) is not None]
    summary = min if figure.endswith("low_ns") else max if figure.endswith("high_ns") else statistics.median_low
    return summary(values) if values else None


# Differences.


def check(before: Conditions, after: Conditions) -> None:
    """Raise ConfigError where two profiles are not of the same work under the same conditions."""
    if unlike := limits.unlike(before, after, WORK):
        raise ConfigError(f"the profiles cannot be compared: {unlike}")


def compare(before: Profile, after: Profile) -> list[Movement]:
    """What moved, by the host's clock and, on a GPU, by that one's. Raises ConfigError where they are not comparable.

    A mover is ``real`` where the ranges of its repeats do not overlap. That is about two processes, not about two
    programs: what else the machine did meanwhile moves operators too, so what matters is worth a second run.
    """
    check(before.conditions, after.conditions)
    clocks: list[Clock] = ["cpu"] if after.repeats_cuda_ns is None else ["cuda", "cpu"]
    return [_movement(before, after, clock) for clock in clocks]


def _movement(before: Profile, after: Profile, clock: Clock) -> Movement:
    sides = [{row.name: row for row in side.operators} for side in (before, after)]
    repeats = [_repeats(side, clock) for side in (before, after)]
    by_chance = 2 / math.comb(sum(map(len, repeats)), len(repeats[0]))  # of all orders, those of two blocks
    enough = by_chance < CHANCE
    movers = [_mover(name, sides, clock, enough) for name in dict.fromkeys([*sides[1], *sides[0]])]
    total = Mover(
        name="total",
        before_ns=sum(mover.before_ns for mover in movers),
        after_ns=sum(mover.after_ns for mover in movers),
        before_calls=sum(mover.before_calls for mover in movers),
        after_calls=sum(mover.after_calls for mover in movers),
        real=enough and _apart(*((min(times), max(times)) for times in repeats)),
    )
    movers.sort(key=lambda mover: abs(mover.after_ns - mover.before_ns), reverse=True)
    changed = tuple(_changed(before.conditions, after.conditions))
    return Movement(after.conditions.model, clock, changed, by_chance if enough else None, tuple(movers), total)


def _repeats(side: Profile, clock: Clock) -> Sequence[int]:
    return side.repeats_cpu_ns if clock == "cpu" else side.repeats_cuda_ns or (0,)


def _mover(name: str, sides: Sequence[Mapping[str, Operator]], clock: Clock, enough: bool) -> Mover:
    old, new = (side.get(name, _nothing(name, cuda=True)) for side in sides)
    ranges = (
        (getattr(row, f"self_{clock}_low_ns") or 0, getattr(row, f"self_{clock}_high_ns") or 0) for row in (old, new)
    )
    return Mover(
        name=name,
        before_ns=getattr(old, f"self_{clock}_ns") or 0,
        after_ns=getattr(new, f"self_{clock}_ns") or 0,
        before_calls=old.calls,
        after_calls=new.calls,
        real=enough and _apart(*ranges),
    )


def _apart(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[1] < second[0] or second[1] < first[0]


def _changed(before: Conditions, after: Conditions) -> Iterator[str]:
    """What is not the same and yet no refusal."""
    for key in NOTED:
        if getattr(before, key) != getattr(after, key):
            yield f"{key} {getattr(before, key)} -> {getattr(after, key)}"
    if before.state_sha256 != after.state_sha256:
        yield f"weights {before.state_sha256[:8]} -> {after.state_sha256[:8]}"
    for library, version in after.versions.items():
        if before.versions.get(library) != version:
            yield f"{library} {before.versions.get(library, 'unknown')} -> {version}"


# Files.


def read(file: Path, model: str, device: str) -> Profile:
    """The profile that ``imgcls profile`` wrote; of several, that of this model and device. Raises ConfigError."""
    document = documents.read(
        file,
        _Document,
        "profile",
        whose="a profile of imgcls",
        way=f"imgcls profile MODEL --json {file.name} where the model is as it was",
    )
    if document.format != FORMAT:
        raise ConfigError(f"{file}: its format is {document.format}, and this version of imgcls reads {FORMAT}")
    of_model = [p for p in document.profiles if (p.conditions.model, p.conditions.device) == (model, device)]
    fitting = document.profiles if len(document.profiles) == 1 else of_model
    if not fitting:
        there = ", ".join(f"{p.conditions.model} on {p.conditions.device}" for p in document.profiles) or "none"
        raise ConfigError(f"{file}: it holds no profile of {model} on {device}; there are: {there}")
    return fitting[0]
