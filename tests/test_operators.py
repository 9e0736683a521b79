"""imgcls.operators: what a call is made of, and which operator is to blame when it becomes slower."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from costs import CONDITIONS, MACHINE
from imgcls import documents, operators
from imgcls.errors import ConfigError, ModelError
from imgcls.measures import Conditions, Mover, Operator, Profile
from imgcls.models import Model
from imgcls.records import Facts, InputSpec, LabelList, ModelSpec
from imgcls.runtimes.eager import EagerClassifier

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(8, (8, 8), "center", "bilinear", HALF, HALF)
FACTS = Facts("eager", "float32", "cpu", INPUT, None, "cd" * 32, 127, 1.0, 508)


class Net(nn.Module):
    """A convolution to four channels and their means; ``sorts``: how often it sorts a million zeros besides."""

    def __init__(self, sorts: int = 0) -> None:
        super().__init__()
        self.convolution, self.sorts, self.ballast = nn.Conv2d(3, 4, 3), sorts, torch.zeros(1_000_000)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        for _ in range(self.sorts):
            self.ballast.sort()
        return torch.mean(self.convolution(batch), dim=(2, 3))


class Listening(EagerClassifier):
    """Writes down what it is asked, and how."""

    def __init__(self) -> None:
        super().__init__(Net(), "float32", "cpu")
        self.asked: list[tuple[torch.Tensor, bool, int]] = []

    def logits(self, batch: torch.Tensor) -> Any:
        self.asked.append((batch, self.module.training, torch.get_num_threads()))
        return super().logits(batch)


def _model(network: nn.Module | None = None, classifier: EagerClassifier | None = None, device: str = "cpu") -> Model:
    classifier = classifier or EagerClassifier(network or Net(), "float32", device)
    facts = replace(FACTS, device=device)
    return Model(ModelSpec("net", "python:nets:net"), classifier, LabelList("x", tuple("abcd")), facts, {}, 0.0)


# What a call is made of.


def test_every_operator_of_a_call_is_a_row() -> None:
    """Calls, own and total time and memory of each, those that take most time themselves first."""
    seen = operators.profile(_model(), batch=2, repeats=3)
    rows = {row.name: row for row in seen.operators}
    assert rows["aten::conv2d"].calls == 1
    assert rows["aten::conv2d"].cpu_memory_bytes == 2 * 4 * 6 * 6 * 4
    assert rows["aten::conv2d"].self_cpu_memory_bytes == 0
    assert rows["aten::conv2d"].cpu_total_ns > rows["aten::conv2d"].self_cpu_ns
    assert rows["aten::mean"].calls == 1
    assert all(row.self_cpu_low_ns <= row.self_cpu_ns <= row.self_cpu_high_ns for row in seen.operators)
    assert {row.self_cuda_ns for row in seen.operators} == {None}
    times = [row.self_cpu_ns for row in seen.operators]
    assert times == sorted(times, reverse=True)
    assert len(seen.repeats_cpu_ns) == 3
    assert seen.repeats_cuda_ns is None
    assert (seen.conditions.model, seen.conditions.batch, seen.conditions.parameters) == ("net", 2, 127)


def test_allocations_outside_of_operators_are_no_operator() -> None:
    """What torch.profiler calls [memory] is left out; every row is an operator."""
    assert all("::" in row.name for row in operators.profile(_model(), repeats=1).operators)


def test_it_is_the_call_of_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """`logits`, in evaluation mode, always with the same pictures, with as many threads as the conditions state."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    listening = Listening()
    seen = operators.profile(_model(classifier=listening), batch=2, repeats=2)
    pictures = [batch for batch, _, _ in listening.asked]
    assert len(pictures) == operators.WARM_UP + 2
    assert pictures[0].shape == (2, 3, 8, 8)
    seeded = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(operators.SEED))
    assert all(torch.equal(batch, seeded) for batch in pictures)
    assert {(training, threads) for _, training, threads in listening.asked} == {(False, 1)}
    assert seen.conditions.threads == 1


def test_a_network_that_fails_is_a_model_error() -> None:
    """Without a traceback of torch's, and the environment is as it was."""
    before = dict(os.environ)
    with pytest.raises(ModelError, match=r"Conv2d refuses a batch of shape \(1, 3, 8, 8\)"):
        operators.profile(_model(nn.Conv2d(5, 4, 3)))
    assert dict(os.environ) == before


def test_what_the_environment_wants_logged_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is for those who said nothing."""
    with operators._silent():
        assert os.environ["KINETO_LOG_LEVEL"] == "99"
    monkeypatch.setenv("KINETO_LOG_LEVEL", "0")
    with operators._silent():
        assert os.environ["KINETO_LOG_LEVEL"] == "0"
    assert os.environ["KINETO_LOG_LEVEL"] == "0"


# The rows of torch.profiler, one table a repeat.


def _row(name: str, self_us: float, *, device: str = "CPU", cuda_us: float = 0.0, calls: int = 1) -> SimpleNamespace:
    return SimpleNamespace(
        key=name,
        count=calls,
        device_type=SimpleNamespace(name=device),
        self_cpu_time_total=self_us,
        cpu_time_total=2 * self_us,
        cpu_memory_usage=100,
        self_cpu_memory_usage=-10,
        self_device_time_total=cuda_us,
        device_time_total=3 * cuda_us,
        device_memory_usage=200,
        self_device_memory_usage=20,
    )


def _profiled(repeats: Sequence[Sequence[SimpleNamespace]], *, cuda: bool = False) -> Profile:
    sessions = [SimpleNamespace(key_averages=lambda rows=rows: rows) for rows in repeats]
    return operators._profile(CONDITIONS, [operators._table(session, cuda) for session in sessions], cuda)


def test_figures_are_medians_over_the_repeats() -> None:
    """In nanoseconds; the smallest and largest own time stand beside."""
    seen = _profiled([[_row("aten::a", us), _row("[memory]", 0)] for us in (2.0, 9.5, 1.0, 3.0, 2.5)])
    assert seen.operators == (Operator("aten::a", 1, 2500, 5000, 100, -10, 1000, 9500),)
    assert seen.repeats_cpu_ns == (2000, 9500, 1000, 3000, 2500)


def test_an_operator_that_some_repeats_do_without_takes_nothing_there() -> None:
    """Its smallest time is 0, and so is its median where most do without."""
    seen = _profiled([[_row("aten::a", 1.0)], [_row("aten::a", 1.0), _row("aten::b", 5.0)], [_row("aten::a", 1.0)]])
    assert [row.name for row in seen.operators] == ["aten::a", "aten::b"]
    assert seen.operators[1] == Operator("aten::b", 0, 0, 0, 0, 0, 0, 5000)


def test_kernels_count_once_with_the_operator_that_launched_them() -> None:
    """A kernel is no row of its own, or CUDA time would be counted twice."""
    seen = _profiled(
        [[_row("aten::a", 9.0, cuda_us=1.0), _row("aten::b", 1.0, cuda_us=7.0), _row("gemm", 0, device="CUDA")]],
        cuda=True,
    )
    assert [row.name for row in seen.operators] == ["aten::b", "aten::a"]
    assert seen.operators[0] == Operator(
        "aten::b", 1, 1000, 2000, 100, -10, 1000, 1000, 7000, 21000, 200, 20, 7000, 7000
    )
    assert seen.repeats_cuda_ns == (8000,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="cuda: there is no CUDA device here")
def test_on_a_gpu_operators_have_its_time() -> None:
    """The convolution's kernels run somewhere below it."""
    seen = operators.profile(_model(device="cuda"), repeats=2)
    [convolution] = [row for row in seen.operators if row.name == "aten::conv2d"]
    assert convolution.cuda_total_ns
    assert seen.repeats_cuda_ns
    assert all(seen.repeats_cuda_ns)


# The trace.


def test_the_trace_is_the_last_repeat(tmp_path: Path) -> None:
    """Chrome's format, with every call of every operator of one call of the model."""
    operators.profile(_model(), repeats=2, trace=tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["ph"] for event in events if event.get("name") == "aten::conv2d"] == ["X"]
    assert [file.name for file in tmp_path.iterdir()] == ["trace.json"]


def test_a_trace_that_cannot_be_finished_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """No half of a trace, under no name."""

    def broken(file: str) -> None:
        Path(file).write_text("{")
        raise OSError("the disk is full")

    (tmp_path / "trace.json").write_text("before")
    with pytest.raises(OSError, match="the disk is full"):
        operators._write_trace(SimpleNamespace(export_chrome_trace=broken), tmp_path / "trace.json")
    assert (tmp_path / "trace.json").read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["trace.json"]


# Differences.


def _operator(name: str, self_ns: int, spread: int = 10, calls: int = 1) -> Operator:
    return Operator(name, calls, self_ns, self_ns, 0, 0, self_ns - spread, self_ns + spread)


def _of(*rows: Operator, repeats: int = 5, conditions: Conditions = CONDITIONS) -> Profile:
    totals = [sum(row.self_cpu_ns for row in rows) + number for number in range(repeats)]
    return Profile(conditions, tuple(totals), rows)


def test_a_slower_torch_ends_with_an_operators_name() -> None:
    """The largest movers come first, whichever way they moved, and the total is their sum."""
    before = _of(_operator("aten::a", 1000), _operator("aten::b", 2000), _operator("aten::gone", 50, calls=3))
    newer = replace(CONDITIONS, versions={"torch": "2.15.0"}, state_sha256="ab" * 32)
    after = _of(_operator("aten::a", 1005), _operator("aten::b", 2900, calls=2), conditions=newer)
    [movement] = operators.compare(before, after)
    assert (movement.model, movement.clock) == ("net", "cpu")
    assert movement.changed == ("weights cdcdcdcd -> abababab", "torch 2.14.0 -> 2.15.0")
    assert movement.movers == (
        Mover("aten::b", 2000, 2900, 1, 2, real=True),
        Mover("aten::gone", 50, 0, 3, 0, real=True),
        Mover("aten::a", 1000, 1005, 1, 1, real=False),
    )
    assert movement.total == Mover("total", 3050, 3905, 5, 3, real=True)


def test_an_operator_that_a_change_brings_in_is_found() -> None:
    """Planted: a network that sorts a million numbers three times more than before."""
    before, after = (operators.profile(_model(Net(sorts)), repeats=4) for sorts in (0, 3))
    worst = operators.compare(before, after)[0].movers[0]
    assert (worst.name, worst.before_calls, worst.after_calls, worst.real) == ("aten::sort", 0, 3, True)


@pytest.mark.parametrize(("after", "real"), [(1019, False), (1020, False), (1021, True), (979, True), (980, False)])
def test_what_overlaps_is_noise(after: int, real: bool) -> None:
    """The repeats lie within 10 ns of the median, on either side; touching ranges are not apart."""
    [movement] = operators.compare(_of(_operator("aten::a", 1000)), _of(_operator("aten::a", after)))
    assert [mover.real for mover in movement.movers] == [real]


def test_the_total_has_a_noise_of_its_own() -> None:
    """Operators may move while the whole does not."""
    before = _of(_operator("aten::a", 1000), _operator("aten::b", 2000))
    after = _of(_operator("aten::a", 2000), _operator("aten::b", 1001))
    [movement] = operators.compare(before, after)
    assert [mover.real for mover in movement.movers] == [True, True]
    assert movement.total == Mover("total", 3000, 3001, 2, 2, real=False)


@pytest.mark.parametrize(
    ("repeats", "by_chance"), [((5, 5), 1 / 126), ((4, 4), 1 / 35), ((3, 3), None), ((1, 9), None)]
)
def test_few_repeats_show_nothing(repeats: tuple[int, int], by_chance: float | None) -> None:
    """Of all orders of 3 and 3 repeats, one in ten has them apart: no operator is real then."""
    sides = [_of(_operator("aten::a", ns), repeats=count) for ns, count in zip((1000, 9000), repeats, strict=True)]
    [movement] = operators.compare(*sides)
    assert movement.by_chance == pytest.approx(by_chance)
    assert {movement.movers[0].real, movement.total.real} == {by_chance is not None}


def test_on_a_gpu_both_clocks_are_compared() -> None:
    """Kernels may be slower, and so may be their launches."""

    def gpu(self_cpu_ns: int, self_cuda_ns: int) -> Profile:
        row = _operator("aten::a", self_cpu_ns)
        row = replace(row, self_cuda_ns=self_cuda_ns, self_cuda_low_ns=self_cuda_ns, self_cuda_high_ns=self_cuda_ns)
        return replace(_of(row), repeats_cuda_ns=(self_cuda_ns,) * 5)

    by_cuda, by_cpu = operators.compare(gpu(1000, 70), gpu(1003, 71))
    assert (by_cuda.clock, by_cuda.movers) == ("cuda", (Mover("aten::a", 70, 71, 1, 1, real=True),))
    assert (by_cpu.clock, by_cpu.movers) == ("cpu", (Mover("aten::a", 1000, 1003, 1, 1, real=False),))
    assert (by_cuda.total.real, by_cpu.total.real) == (True, False)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"device": "cuda"}, "another device: device cpu and cuda"),
        ({"batch": 8}, "another batch: batch 1 and 8"),
        ({"input": "resize(9)"}, "another input: input resize(8, bilinear) and resize(9)"),
        ({"threads": 4}, "another threads: threads 2 and 4"),
        ({"machine": replace(MACHINE, cpu="A poor CPU")}, "another machine: machine Machine(cpu='A fine CPU', "),
        ({"batch": 8, "threads": 4}, "another batch, threads: batch 1 and 8; threads 2 and 4"),
    ],
)
def test_other_work_is_not_compared(other: dict[str, Any], says: str) -> None:
    """What differs is said, with both values."""
    sides = [_of(_operator("aten::a", 1)), _of(_operator("aten::a", 1), conditions=replace(CONDITIONS, **other))]
    with pytest.raises(ConfigError, match=f"^the profiles cannot be compared: {re.escape(says)}"):
        operators.compare(*sides)


def test_what_one_compares_is_named() -> None:
    """Another network or precision is no refusal."""
    other = replace(
        CONDITIONS, model="wide", arch="python:nets:wide", precision="bfloat16", versions={"timm": "1.0.31"}
    )
    [movement] = operators.compare(_of(), _of(conditions=other))
    assert movement.changed == (
        "model net -> wide",
        "arch python:nets:net -> python:nets:wide",
        "precision float32 -> bfloat16",
        "timm unknown -> 1.0.31",
    )


# Files.


def _written(folder: Path, *profiles: Profile, **keys: Any) -> Path:
    documents.write(folder / "a.json", {"format": 1, "made_at": "now", "profiles": profiles, **keys})
    return folder / "a.json"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """To the nanosecond; the only profile of a file needs no name."""
    kept = operators.profile(_model(), repeats=1)
    assert operators.read(_written(tmp_path, kept), "another name", "cpu") == kept


def test_of_several_the_one_of_the_model_and_device_is_read(tmp_path: Path) -> None:
    """A result document of pytest may hold many."""
    kept = [_of(conditions=replace(CONDITIONS, model=name)) for name in ("net", "wide")]
    file = _written(tmp_path, *kept)
    assert operators.read(file, "wide", "cpu") == kept[1]
    with pytest.raises(
        ConfigError, match=r"a\.json: it holds no profile of wide on cuda; there are: net on cpu, wide on"
    ):
        operators.read(file, "wide", "cuda")
    with pytest.raises(ConfigError, match=r"a\.json: it holds no profile of wide on cpu; there are: none$"):
        operators.read(_written(tmp_path), "wide", "cpu")


def test_what_is_no_profile_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, of another format, or of another kind; each is said."""
    refused = {
        tmp_path
        / "missing.json": "there is no profile of this name; make one with imgcls profile MODEL --json missing",
        tmp_path: "the profile cannot be read: Is a directory",
        _written(tmp_path, format=2): "its format is 2, and this version of imgcls reads 1",
    }
    for name, content in (("text", b"hello"), ("latin", b'{"\xff": 1}'), ("run", b'{"format": 1, "results": []}')):
        (tmp_path / name).write_bytes(content)
        refused[tmp_path / name] = "not a profile of imgcls: "
    for file, says in refused.items():
        with pytest.raises(ConfigError, match=f"^{re.escape(f'{file}: {says}')}"):
            operators.read(file, "net", "cpu")
