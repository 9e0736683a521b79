"""The operators that a call of a model spends its time and memory on, by torch.profiler or from a file."""

import functools
import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from imgcls import documents
from imgcls.errors import ConfigError, ModelError
from imgcls.models.model import Model
from imgcls.performance import conditions
from imgcls.records.performance import Operator, Profile, RunEnvironment
from imgcls.system import devices, machine

FORMAT = 1

WARM_UP = 3  # docs/decisions.md#operators

SEED = 0

NO_OPERATORS = frozenset({
    "[memory]", "Activity Buffer Request", "Buffer Flush", "Instrumentation", "Resource", "UVM Activity Init"
})  # fmt: skip
"""Rows that are not of the call: allocations outside of all operators, and what CUDA's collector does for itself."""

LOG_LEVEL, SILENT = "KINETO_LOG_LEVEL", "99"
"""Where torch.profiler's collector reads, once, what it logs on the standard error stream."""

WHERE_ELSE = {
    "numpy": "bench/reference_step.py in the repository shows where its time goes",
    **dict.fromkeys(("openvino", "cuda-graph"), 'runtime = "eager" shows the same network\'s operators'),
    **dict.fromkeys(("onnx", "openvino-ir", "tflite"), "the network that the file was made from shows its operators"),
}
"""Runtimes that start no operators of torch, and where to look instead."""

FIGURES = [field.name for field in fields(Operator) if field.name != "name"]


@dataclass(frozen=True, slots=True)
class _Document:
    format: int
    profiles: tuple[Profile, ...]


def profile(model: Model, batch: int = 1, repeats: int = 5, trace: Path | None = None) -> Profile:
    """The operators of one call of a loaded model with ``batch`` images, as scoring calls it.

    Every repeat is a session of the profiler of its own, after a warm-up. The profiler itself takes time, above all
    for many small operators: its figures are shares and differences, not latency.
    ``trace``: where to write the last repeat for chrome://tracing or Perfetto. Raises ModelError and OSError.
    """
    import torch

    if instead := WHERE_ELSE.get(model.info.runtime):
        raise ModelError(
            f"[models.{model.spec.name}] {model.spec.arch} runs on {model.info.runtime}, of which torch.profiler sees "
            f"no operators; {instead}"
        )
    images = torch.randn(batch, *model.info.input.shape, generator=torch.Generator().manual_seed(SEED))
    call, cuda = functools.partial(model.classifier.logits, images), devices.kind(model.info.device) == "cuda"
    with machine.fixed_threads(), _silent():
        sessions = [_session(call, cuda) for _ in range(WARM_UP + repeats)][WARM_UP:]
    tables = [_table(session, cuda) for session in sessions]
    if cuda and not any(row.self_cuda_ns for table in tables for row in table.values()):
        raise _nothing_collected(model)
    if trace:
        _write_trace(sessions[-1], trace)
    return _profile(conditions.environment_of(model, batch), tables, cuda)


def _nothing_collected(model: Model) -> ModelError:
    """The error where a GPU computed, and CUPTI reported nothing of it."""
    return ModelError(
        f"[models.{model.spec.name}] torch.profiler reported no work of {model.info.device}: CUPTI, CUDA's collector, "
        f"is missing, not permitted here or in use by another profiler; {LOG_LEVEL}=0 before the command prints why"
    )


def _profile(environment: RunEnvironment, tables: Sequence[Mapping[str, Operator]], cuda: bool) -> Profile:
    """One table out of one per repeat."""
    names = dict.fromkeys(name for table in tables for name in table)
    operators = [_over_repeats([table.get(name, absent(name, cuda)) for table in tables]) for name in names]
    operators.sort(key=lambda row: row.self_ns, reverse=True)
    cpu_ns = tuple(sum(row.self_cpu_ns for row in table.values()) for table in tables)
    cuda_ns = tuple(sum(row.self_cuda_ns or 0 for row in table.values()) for table in tables)
    return Profile(environment, cpu_ns, tuple(operators), cuda_ns if cuda else None)


def absent(name: str, cuda: bool) -> Operator:
    """The row of an operator in a call that does not use it: every figure is 0."""
    figures: dict[str, Any] = {figure: 0 if cuda or "cuda" not in figure else None for figure in FIGURES}
    return Operator(name, **figures)


def _session(call: Callable[[], object], cuda: bool) -> Any:
    """One profiled call."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
    with profile(activities=activities, profile_memory=True, acc_events=True) as session:
        call()
    return session


@contextmanager
def _silent() -> Iterator[None]:
    """While it is open, the profiler's collector logs nothing, unless the environment states what it should log."""
    given = LOG_LEVEL in os.environ
    os.environ.setdefault(LOG_LEVEL, SILENT)
    try:
        yield
    finally:
        if not given:
            del os.environ[LOG_LEVEL]


def _write_trace(session: Any, file: Path) -> None:
    """The trace in a file that is whole or, after any failure, what it was before; ``.gz`` compresses it."""
    with documents.whole_file(file) as half:
        session.export_chrome_trace(str(half))


def _table(session: Any, cuda: bool) -> dict[str, Operator]:
    """What the host ran, by name; kernels have no rows of their own but are the CUDA time of what launched them."""
    rows = (row for row in session.key_averages() if row.device_type.name == "CPU" and row.key not in NO_OPERATORS)
    return {row.key: _operator(row, cuda) for row in rows}


def _operator(row: Any, cuda: bool) -> Operator:
    self_cpu_ns, self_cuda_ns = _ns(row.self_cpu_time_total), _ns(row.self_device_time_total)
    on_host = Operator(
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
        return on_host
    return replace(
        on_host,
        self_cuda_ns=self_cuda_ns,
        cuda_total_ns=_ns(row.device_time_total),
        cuda_memory_bytes=row.device_memory_usage,
        self_cuda_memory_bytes=row.self_device_memory_usage,
        self_cuda_low_ns=self_cuda_ns,
        self_cuda_high_ns=self_cuda_ns,
    )


def _ns(microseconds: float) -> int:
    return round(microseconds * 1000)


def _over_repeats(rows: Sequence[Operator]) -> Operator:
    """One operator over all repeats: medians, and the smallest and the largest self time."""
    summary: dict[str, Any] = {figure: _summary(figure, rows) for figure in FIGURES}
    return Operator(rows[0].name, **summary)


def _summary(figure: str, rows: Sequence[Operator]) -> int | None:
    values = [value for row in rows if (value := getattr(row, figure)) is not None]
    summary = min if figure.endswith("low_ns") else max if figure.endswith("high_ns") else statistics.median_low
    return summary(values) if values else None


def read(file: Path, model: str, device: str) -> Profile:
    """The profile that ``imgcls profile`` wrote; of several, that of this model and device. Raises ConfigError."""
    document = documents.read(
        file,
        _Document,
        "profile",
        whose="a profile of imgcls",
        way=f"imgcls profile MODEL --json {file} where the model is as it was",
    )
    if document.format != FORMAT:
        raise ConfigError(f"{file}: its format is {document.format}, and this version of imgcls reads {FORMAT}")
    of_model = [p for p in document.profiles if (p.conditions.model, p.conditions.device) == (model, device)]
    fitting = document.profiles if len(document.profiles) == 1 else of_model
    if not fitting:
        names = ", ".join(f"{p.conditions.model} on {p.conditions.device}" for p in document.profiles) or "none"
        raise ConfigError(f"{file}: it holds no profile of {model} on {device}; there are: {names}")
    return fitting[0]
