"""imgcls.plugin.baselines: what pytest-benchmark may compare our latencies with, and what it must leave alone."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest

from builders import MACHINE, extra_info
from imgcls.plugin import baselines

NAME = "tests/test_models.py::test_latency[net-cpu-SingleStream]"
FILE = ".benchmarks/0001_main.json"


def _session(saved: Mapping[str, Mapping[str, Any]], run: Mapping[str, Mapping[str, Any]], **values: Any) -> Any:
    """As much of pytest-benchmark's session as is looked at, by the ``extra_info`` of its benchmarks."""
    mapping = {name: {"fullname": name, "stats": {}, "extra_info": extra} for name, extra in saved.items()}
    benchmarks = [SimpleNamespace(fullname=name, extra_info=extra) for name, extra in run.items()]
    usual = {"disabled": False, "compared_mapping": {FILE: mapping}, "storage": ".benchmarks", "benchmarks": benchmarks}
    return SimpleNamespace(**{**usual, **values})


def test_the_same_work_is_compared() -> None:
    """Nothing is said, and nothing is taken away."""
    session = _session({NAME: extra_info(0)}, {NAME: extra_info(1)})
    assert list(baselines.guarded(session)) == []
    assert list(session.compared_mapping[FILE]) == [NAME]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"machine": asdict(replace(MACHINE, cpu="A faster CPU"))}, "another machine: cpu A faster CPU and A fine CPU"),
        ({"machine": asdict(replace(MACHINE, quota=1.0))}, "another machine: quota 1.0 and none"),
        ({"machine": asdict(replace(MACHINE, gpu="A GPU"))}, "another machine: gpu A GPU and none"),
        ({"threads": 1}, "another threads: threads 1 and 2"),
        ({"device": "cuda"}, "another device: device cuda and cpu"),
        ({"batch": 8}, "another batch: batch 8 and 1"),
        ({"input": "resize(9)"}, "another input: input resize(9) and resize(8, bilinear)"),
        ({"state_sha256": "00" * 32}, "another set of weights: weights 00000000 and cdcdcdcd"),
    ],
)
def test_other_work_is_refused(change: dict[str, Any], reason: str) -> None:
    """Another machine, quota, number of threads, device, batch or set of weights is named, and is not compared."""
    session = _session({NAME: {**extra_info(0), **change}}, {NAME: extra_info(0)})
    [refusal] = baselines.guarded(session)
    assert refusal.startswith(f"{NAME} cannot be compared with {FILE}: {reason}; ")
    assert session.compared_mapping[FILE] == {}


def test_a_refusal_says_what_to_do() -> None:
    """A new baseline, or, for other weights, the command that compares them."""
    for change, way in (({"threads": 1}, "--benchmark-autosave"), ({"state_sha256": "0"}, "imgcls bench-compare, or ")):
        [refusal] = baselines.guarded(_session({NAME: {**extra_info(0), **change}}, {NAME: extra_info(0)}))
        assert way in refusal


def test_what_an_older_version_saved_has_no_quota() -> None:
    """A machine's record without the key is that of a machine without a quota."""
    saved = extra_info(0)
    del saved["machine"]["quota"]
    assert list(baselines.guarded(_session({NAME: saved}, {NAME: extra_info(1)}))) == []


def test_a_moved_test_is_compared_under_its_new_name() -> None:
    """pytest-benchmark would not find it."""
    session = _session({NAME: extra_info(0)}, {"tests/speed/test_all.py::test_it": extra_info(1)})
    assert list(baselines.guarded(session)) == []
    [(name, benchmark)] = session.compared_mapping[FILE].items()
    assert (name, benchmark["fullname"]) == ("tests/speed/test_all.py::test_it", NAME)


def test_a_new_measurement_is_not_an_error() -> None:
    """A model that is new has no baseline yet, and what is gone is not missed here."""
    saved, run = {NAME: extra_info(0), "gone": {**extra_info(0), "model": "gone"}}, {NAME: extra_info(1)}
    session = _session(saved, {**run, "new": {**extra_info(0), "model": "new"}})
    assert list(baselines.guarded(session)) == []
    assert list(session.compared_mapping[FILE]) == [NAME]


def test_benchmarks_of_others_are_left_alone() -> None:
    """Whatever their machine, whether or not there are any of ours, and under whichever names."""
    others: dict[str, Any] = {"a": {}, "b": {"rounds_ns": "theirs"}, "c": {"machine": 3, "threads": "many"}}
    session = _session({**others, NAME: {**extra_info(0), "threads": 1}}, {**others, NAME: extra_info(0)})
    assert len(list(baselines.guarded(session))) == 1
    assert list(session.compared_mapping[FILE]) == list("abc")
    assert list(baselines.guarded(_session(others, others))) == []


def test_another_versions_extra_info_is_named() -> None:
    """It cannot be read, so it is not compared; others' benchmarks of the same file are."""
    session = _session({NAME: {**extra_info(0), "threads": "many"}, "other": {}}, {NAME: extra_info(0), "other": {}})
    [refusal] = baselines.guarded(session)
    assert refusal.startswith(f"{FILE}: its extra_info is not that of this version of imgcls: ")
    assert list(session.compared_mapping[FILE]) == ["other"]


def test_two_of_one_key_under_other_names_are_named() -> None:
    """Which of the two was which is not known."""
    run = {"c": extra_info(0), "d": extra_info(0)}
    session = _session({"a": extra_info(0), "b": extra_info(0), "other": {}}, {**run, "other": {}})
    assert list(baselines.guarded(session)) == [
        f"{FILE}: several benchmarks have the same model, scenario, device, batch: a and b before, c and d after"
    ]


def test_what_could_not_be_compared_at_all_is_named() -> None:
    """Benchmarks that are off, nothing saved, and nothing in common; pytest-benchmark only warns, or less."""
    run = {NAME: extra_info(0)}
    off, nothing, uncommon = (
        _session({}, run, disabled=True),
        _session({}, run, compared_mapping={}),
        _session({"other": {}}, run),
    )
    assert [line for session in (off, nothing, uncommon) for line in baselines.guarded(session)] == [
        "benchmarks are switched off (by --benchmark-disable or by xdist)",
        "nothing is saved in .benchmarks; run with --benchmark-autosave where the model is as it should stay",
        f"no benchmark of this run is in {FILE}",
    ]
