"""What ``--benchmark-compare`` must not do: compare a latency with one of other work, or of another machine.

pytest-benchmark compares what has the same name. What imgcls knows of its own latencies goes before: the same
measurement under another name is compared, and another machine's is refused. Benchmarks of others are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imgcls.errors import ConfigError
from imgcls.gates import benchmarks
from imgcls.performance import benchmark_files, conditions
from imgcls.performance.benchmark_files import Timing


def guarded(session: Any) -> Iterator[str]:
    """Make a pytest-benchmark session compare what can be compared; what cannot, in words."""
    if session.disabled:
        yield "benchmarks are switched off (by --benchmark-disable or by xdist)"
    elif not session.compared_mapping:
        way = "run with --benchmark-autosave where the model is as it should stay"
        yield f"nothing is saved in {session.storage}; {way}"
    else:
        now = _timings({benchmark.fullname: benchmark.extra_info for benchmark in session.benchmarks})
        refusals = [line for path, saved in session.compared_mapping.items() for line in _refused(path, saved, now)]
        yield from refusals
        if now and not (refusals or any(now.keys() & saved.keys() for saved in session.compared_mapping.values())):
            yield f"no benchmark of this run is in {', '.join(str(path) for path in session.compared_mapping)}"


def _refused(path: Path, saved: dict[str, Any], now: Mapping[str, Timing]) -> Iterator[str]:
    """Leave in ``saved`` what benchmarks of this run may be compared with, under their names; the rest, in words."""
    try:
        before = _timings({name: benchmark["extra_info"] for name, benchmark in saved.items()})
    except ConfigError as error:
        for name in now.keys() & saved.keys():
            del saved[name]
        yield f"{path}: {error}"
        return
    pairs = benchmarks.matched(before, now)
    of_ours = {name: saved.pop(name) for name in before}
    for first, second in pairs.of_both:
        if unlike := _unlike(before[first], now[second]):
            yield f"{second} cannot be compared with {path}: {unlike}"
        else:
            saved[second] = of_ours[first]
    for firsts, seconds in pairs.left_over:
        if firsts and seconds:
            yield f"{path}: {benchmarks.ambiguous(firsts, seconds)}"


def _timings(extra_infos: Mapping[str, Mapping[str, Any]]) -> dict[str, Timing]:
    """Those of our benchmarks, by their names."""
    timings = {name: benchmark_files.timing_of(extra_info) for name, extra_info in extra_infos.items()}
    return {name: timing for name, timing in timings.items() if timing}


def _unlike(before: Timing, now: Timing) -> str | None:
    """Why two are not comparable, and what to do instead."""
    if unlike := conditions.unlike(before, now, benchmarks.SAME_WORK):
        return f"{unlike}; save one of this machine and configuration with --benchmark-autosave"
    if unlike := conditions.unlike(before, now, [conditions.WEIGHTS]):
        return f"{unlike}; compare two saved runs with imgcls bench-compare, or save one of these weights"
    return None
