"""Operators as tables for a terminal: where the time of a call goes, and which operators moved."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Literal

from imgcls import messages
from imgcls.records.performance import Clock, Operator, OperatorChange, Profile, ProfileDiff
from imgcls.reporting import csv_text, markdown_text, text_table
from imgcls.reporting.presentation import Presentation
from imgcls.reporting.text_table import NamedTable

Order = Literal["time", "memory"]

SHOWN = 10  # docs/decisions.md#names-in-a-message

Cells = Mapping[str, Callable[[Operator, Mapping[Clock, int]], str]]
"""By the name of its column, the text of an operator's cell; the second argument: the self times of all, by clock."""

HOST: Cells = {
    "operator": lambda row, _: row.name,
    "self CPU %": lambda row, total: _share(row.self_cpu_ns, total["cpu"]),
    "self CPU": lambda row, _: time(row.self_cpu_ns),
    "CPU total %": lambda row, total: _share(row.cpu_total_ns, total["cpu"]),
    "CPU total": lambda row, _: time(row.cpu_total_ns),
    "average": lambda row, _: time(row.cpu_total_ns / max(row.calls, 1)),
    "CPU memory": lambda row, _: size(row.cpu_memory_bytes),
    "self CPU memory": lambda row, _: size(row.self_cpu_memory_bytes),
}

GPU: Cells = {
    "self CUDA %": lambda row, total: _share(row.self_cuda_ns or 0, total["cuda"]),
    "self CUDA": lambda row, _: time(row.self_cuda_ns or 0),
    "CUDA total": lambda row, _: time(row.cuda_total_ns or 0),
    "CUDA memory": lambda row, _: size(row.cuda_memory_bytes or 0),
    "self CUDA memory": lambda row, _: size(row.self_cuda_memory_bytes or 0),
}

CALLS: Cells = {"calls": lambda row, _: str(row.calls)}


IMPORTANCE: Mapping[Order, Sequence[str]] = {
    "time": (
        *("operator", "self CUDA %", "self CUDA", "self CPU %", "self CPU", "calls", "CPU total", "average"),
        *("CUDA total", "self CUDA memory", "self CPU memory", "CPU total %", "CUDA memory", "CPU memory"),
    ),
    "memory": (
        *("operator", "self CUDA memory", "self CPU memory", "calls", "self CUDA", "self CPU", "CUDA memory"),
        *("CPU memory", "self CUDA %", "self CPU %", "average"),
    ),
}  # docs/decisions.md#tables-of-80-columns


def text(profile: Profile, how: Presentation, sort: Order = "time") -> Iterator[str]:
    """The operators that take most of a call's own time (that of its device), or allocate most."""
    yield from text_table.wrapped(_title(profile), how.width)
    if profile.operators:
        yield how.text(table(profile, sort))
    yield from _rest(len(profile.operators))


def table(profile: Profile, sort: Order = "time") -> NamedTable:
    """The first :data:`SHOWN` operators."""
    by = operator.attrgetter("self_ns" if sort == "time" else "self_memory_bytes")
    columns = {**HOST, **(GPU if profile.repeats_cuda_ns is not None else {}), **CALLS}
    total = totals(profile)
    result = text_table.table(*columns, importance=IMPORTANCE[sort])
    for row in sorted(profile.operators, key=by, reverse=True)[:SHOWN]:
        result.add_row(*(cell(row, total) for cell in columns.values()))
    return result


def totals(profile: Profile) -> dict[Clock, int]:
    """The self times of all operators together, in ns."""
    rows = profile.operators
    return {"cpu": sum(row.self_cpu_ns for row in rows), "cuda": sum(row.self_cuda_ns or 0 for row in rows)}


def _title(profile: Profile) -> str:
    total, conditions = totals(profile), profile.conditions
    on_gpu = profile.repeats_cuda_ns is not None
    sums = time(total["cpu"]) + (f" of CPU, {time(total['cuda'])} of CUDA" if on_gpu else " of CPU")
    name = text_table.model_name(conditions.model, untrained=conditions.untrained)
    calls = messages.counted(len(profile.repeats_cpu_ns), "profiled call")
    where = f"{conditions.device}, batch {conditions.batch}, {messages.counted(conditions.threads, 'thread')}"
    return f"operators of {name} on {where}: {sums}, median of {calls}"


def comparison(profiles: Sequence[Profile]) -> NamedTable:
    """A row per model with the totals of a call, next to the first of them."""
    on_gpu = any(profile.repeats_cuda_ns is not None for profile in profiles)
    columns = (
        "totals of a call",
        "self CPU",
        *(("self CUDA",) if on_gpu else ()),
        "of the first",
        "allocated",
        "calls",
    )
    result = text_table.table(*columns)
    clock: Clock = "cuda" if on_gpu else "cpu"
    for profile in profiles:
        total, conditions = totals(profile), profile.conditions
        result.add_row(
            text_table.model_name(conditions.model, untrained=conditions.untrained),
            time(total["cpu"]),
            *((time(total["cuda"]),) if on_gpu else ()),
            _share(total[clock], totals(profiles[0])[clock]),
            size(sum(max(row.self_memory_bytes, 0) for row in profile.operators)),
            str(sum(row.calls for row in profile.operators)),
        )
    return result


def as_csv(profiles: Sequence[Profile]) -> str:
    """A line per model and operator; times in ns, memory in bytes."""
    columns = [field.name for field in fields(Operator)]
    rows = [
        [profile.conditions.model, profile.conditions.device, profile.conditions.batch]
        + [getattr(row, name) for name in columns]
        for profile in profiles
        for row in profile.operators
    ]
    return csv_text.text(["model", "device", "batch", *columns], rows)


def markdown(profiles: Sequence[Profile], sort: Order = "time") -> str:
    """The same tables in GitHub's Markdown, with all columns."""
    tables = [
        f"{markdown_text.escaped(_title(profile))}\n\n{markdown_text.table(table(profile, sort))}"
        for profile in profiles
    ]
    return "\n".join([*tables, *([markdown_text.table(comparison(profiles))] if len(profiles) > 1 else [])])


def differences(diff: ProfileDiff, how: Presentation) -> Iterator[str]:
    """The operators whose self time moved most, and all of them together."""
    title = f"{diff.model}, what moved in {diff.clock.upper()} time: "
    title += ", ".join(diff.changed) or "nothing else has changed"
    yield from text_table.wrapped(title, how.width)
    yield how.text(moved(diff))
    yield from _rest(len(diff.movers))
    yield from text_table.wrapped(_noise(diff.by_chance), how.width)


def moved(diff: ProfileDiff) -> NamedTable:
    """The first :data:`SHOWN` operators that moved, and their total."""
    clock = diff.clock.upper()
    columns = ("operator", f"self {clock} before", "after", "difference", "share", "calls", "verdict")
    table = text_table.table(*columns, importance=("operator", *columns[1:4], "verdict", "calls", "share"))
    for mover in (*diff.movers[:SHOWN], diff.total):
        table.add_row(*_change(mover, diff.total))
    return table


def _change(mover: OperatorChange, total: OperatorChange) -> Iterator[str]:
    difference = mover.after_ns - mover.before_ns
    yield mover.name
    yield time(mover.before_ns)
    yield time(mover.after_ns)
    yield f"{'+' if difference > 0 else ''}{time(difference)}"
    yield _share(difference, total.after_ns - total.before_ns)
    counts = dict.fromkeys((mover.before_calls, mover.after_calls))
    yield " -> ".join(str(count) for count in counts)
    yield "real" if mover.real else "noise"


def _noise(by_chance: float | None) -> str:
    if by_chance is None:
        return "too few repeats to tell a change from noise: profile both with --repeats 4 or more"
    return (
        "real: all repeats of one profile are faster than all of the other, which chance does "
        f"to {100 * by_chance:.1f} % of the operators where nothing has changed"
    )


def time(ns: float) -> str:
    """Nanoseconds in words: as microseconds, milliseconds or seconds."""
    if abs(ns) < 1e6:
        return f"{ns / 1e3:.1f} µs"
    return f"{ns / 1e6:.2f} ms" if abs(ns) < 1e9 else f"{ns / 1e9:.2f} s"


def size(count: int) -> str:
    """A number of bytes in words: as bytes, kB, MB or GB, by thousands."""
    if abs(count) < 1000:
        return f"{count} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6)):
        if abs(count) < 1000 * factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e9:.2f} GB"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _rest(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"and {messages.counted(count - SHOWN, 'more operator')} (all are in the JSON document)"
