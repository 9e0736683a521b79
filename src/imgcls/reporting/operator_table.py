"""Operators as tables for a terminal: where the time of a call goes, and which operators moved."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from imgcls.records.performance import Clock, Operator, OperatorChange, Profile, ProfileDiff, RunEnvironment
from imgcls.reporting import text_table

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


def text(profile: Profile, sort: Order = "time") -> str:
    """The operators that take most of a call's own time (that of its device), or allocate most."""
    by = operator.attrgetter("self_ns" if sort == "time" else "self_memory_bytes")
    rows = sorted(profile.operators, key=by, reverse=True)
    total: dict[Clock, int] = {
        "cpu": sum(row.self_cpu_ns for row in rows),
        "cuda": sum(row.self_cuda_ns or 0 for row in rows),
    }
    on_gpu = profile.repeats_cuda_ns is not None
    columns = {**HOST, **(GPU if on_gpu else {}), **CALLS}
    cells = [[cell(row, total) for cell in columns.values()] for row in rows[:SHOWN]]
    sums = time(total["cpu"]) + (f" of CPU, {time(total['cuda'])} of CUDA" if on_gpu else " of CPU")
    title = f"operators of {_title(profile.conditions)}: {sums}, median of {len(profile.repeats_cpu_ns)} profiled calls"
    return _printed(title, columns, cells, _rest(len(rows)))


def _title(conditions: RunEnvironment) -> str:
    threads = f"{conditions.threads} thread{'s' if conditions.threads > 1 else ''}"
    name = text_table.model_name(conditions.model, untrained=conditions.untrained)
    return f"{name} on {conditions.device}, batch {conditions.batch}, {threads}"


def differences(diff: ProfileDiff) -> str:
    """The operators whose self time moved most, and all of them together."""
    clock = diff.clock.upper()
    columns = ("operator", f"self {clock} before", "after", "difference", "share", "calls", "verdict")
    cells = [list(_change(mover, diff.total)) for mover in (*diff.movers[:SHOWN], diff.total)]
    title = f"{diff.model}, what moved in {clock} time: {', '.join(diff.changed) or 'nothing else has changed'}"
    return _printed(title, columns, cells, [*_rest(len(diff.movers)), _noise(diff.by_chance)])


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
        return "too few repeats to tell anything from noise: it takes 4 on either side"
    return (
        "real: the ranges of the repeats do not overlap, as they would by chance "
        f"for {100 * by_chance:.1f} % of the operators if nothing had changed"
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
        yield f"and {count - SHOWN} more operators (all are in the JSON document)"


def _printed(title: str, columns: Iterable[str], cells: Iterable[Sequence[str]], below: Iterable[str]) -> str:
    """A table between a title and the lines below it."""
    table, console = text_table.table(*columns), text_table.console()
    for row in cells:
        table.add_row(*row)
    console.print(title, table, sep="\n")
    console.print(*below, sep="\n")
    return text_table.printed(console)
