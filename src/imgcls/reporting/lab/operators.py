"""Which operators of each model take its time: torch.profiler's table, the first rows of it."""

from __future__ import annotations

from collections.abc import Iterator

from imgcls import messages
from imgcls.records.performance import Operator, Profile
from imgcls.reporting.lab import figures, marks
from imgcls.reporting.lab.contents import Contents

SHOWN = 10  # docs/decisions.md#names-in-a-message


def blocks(contents: Contents) -> Iterator[str]:
    """A table for each model and device."""
    if contents.report.profiles:
        yield f"What torch.profiler measures of each model, the {SHOWN} operators that take most time first:\n"
    for profile in contents.report.profiles:
        conditions = profile.conditions
        on_gpu = profile.repeats_cuda_ns is not None
        yield marks.paragraph(marks.strong(f"{contents.name(conditions.model)} on {conditions.device}"))
        yield marks.table(*_table(profile, "GPU" if on_gpu else "CPU"))
        yield marks.paragraph(_sum(profile, on_gpu=on_gpu))
    if contents.report.profiles:
        yield (
            "Medians of several profiled calls with one image. The profiler itself takes time, above all for many "
            "small operators: what an operator's share is can be read here, how long a model takes cannot. An operator "
            "that frees more memory than it allocates has a negative number.\n"
        )


def _table(profile: Profile, clock: str) -> tuple[list[str], tuple[str], Iterator[tuple[str, ...]]]:
    columns = ["operator", "calls", f"{clock} ms itself", f"share of {clock} %", f"{clock} ms with those it calls"]
    total = sum(operator.self_ns for operator in profile.operators)
    rows = (_row(operator, total) for operator in profile.operators[:SHOWN])
    return [*columns, "MB allocated itself"], ("operator",), rows


def _row(operator: Operator, total_ns: int) -> tuple[str, ...]:
    with_called = operator.cpu_total_ns if operator.cuda_total_ns is None else operator.cuda_total_ns
    return (
        operator.name,
        str(operator.calls),
        f"{operator.self_ns / 1e6:.2f}",
        f"{100 * operator.self_ns / total_ns:.1f}" if total_ns else "-",
        f"{with_called / 1e6:.2f}",
        figures.mb(operator.self_memory_bytes),
    )


def _sum(profile: Profile, *, on_gpu: bool) -> str:
    ms = sum(operator.self_ns for operator in profile.operators) / 1e6
    more = len(profile.operators) - SHOWN
    rest = f"; {messages.counted(more, 'more operator')} not shown here" if more > 0 else ""
    return f"All operators together: {ms:.2f} ms of {'GPU' if on_gpu else 'CPU'} time{rest}."
