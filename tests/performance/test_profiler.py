"""imgcls.performance.profiler: the operators of a call, over its repeats, and as they are read back from files."""

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

from builders import CONDITIONS
from imgcls import documents
from imgcls.errors import ConfigError, ModelError
from imgcls.models.model import Model
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.performance import profiler
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo
from imgcls.records.performance import Operator, Profile

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(8, (8, 8), "center", "bilinear", HALF, HALF)
INFO = ModelInfo("eager", "float32", "cpu", INPUT, None, "cd" * 32, 127, 1.0, 508)


class Net(nn.Module):
    """A convolution to four channels, and their means."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.mean(self.convolution(batch), dim=(2, 3))


class Recording(EagerClassifier):
    """Records the batches of its calls, its mode and the number of threads."""

    def __init__(self) -> None:
        super().__init__(Net(), "float32", "cpu")
        self.calls: list[tuple[torch.Tensor, bool, int]] = []

    def logits(self, batch: torch.Tensor) -> Any:
        self.calls.append((batch, self.module.training, torch.get_num_threads()))
        return super().logits(batch)


def _model(network: nn.Module | None = None, classifier: EagerClassifier | None = None, device: str = "cpu") -> Model:
    loaded = classifier or EagerClassifier(network or Net(), "float32", device)
    info = replace(INFO, device=device)
    return Model(ModelSpec("net", "python:nets:net"), lambda: loaded, LabelList("x", tuple("abcd")), info, {}, 0.0)


# The operators of a call.


def test_every_operator_of_a_call_is_a_row() -> None:
    """Each has its calls, self and total time and memory, those with the largest self time first."""
    measured = profiler.profile(_model(), batch=2, repeats=3)
    rows = {row.name: row for row in measured.operators}
    assert rows["aten::conv2d"].calls == 1
    assert rows["aten::conv2d"].cpu_memory_bytes == 2 * 4 * 6 * 6 * 4
    assert rows["aten::conv2d"].self_cpu_memory_bytes == 0
    assert rows["aten::conv2d"].cpu_total_ns > rows["aten::conv2d"].self_cpu_ns
    assert rows["aten::mean"].calls == 1
    assert all(row.self_cpu_low_ns <= row.self_cpu_ns <= row.self_cpu_high_ns for row in measured.operators)
    assert {row.self_cuda_ns for row in measured.operators} == {None}
    times = [row.self_cpu_ns for row in measured.operators]
    assert times == sorted(times, reverse=True)
    assert len(measured.repeats_cpu_ns) == 3
    assert measured.repeats_cuda_ns is None
    conditions = measured.conditions
    assert (conditions.model, conditions.batch, conditions.parameters) == ("net", 2, 127)


def test_allocations_outside_of_operators_have_no_row() -> None:
    """What torch.profiler calls [memory] is left out; every row is an operator."""
    assert all("::" in row.name for row in profiler.profile(_model(), repeats=1).operators)


def test_it_is_the_call_of_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `logits`, in evaluation mode, always of the same images, with as many threads as the conditions state."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    recording = Recording()
    measured = profiler.profile(_model(classifier=recording), batch=2, repeats=2)
    batches = [batch for batch, _, _ in recording.calls]
    assert len(batches) == profiler.WARM_UP + 2
    assert batches[0].shape == (2, 3, 8, 8)
    seeded = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(profiler.SEED))
    assert all(torch.equal(batch, seeded) for batch in batches)
    assert {(training, threads) for _, training, threads in recording.calls} == {(False, 1)}
    assert measured.conditions.threads == 1


def test_a_network_that_fails_is_a_model_error() -> None:
    """The error is the network's, and the environment is as it was."""
    before = dict(os.environ)
    with pytest.raises(ModelError, match=r"Conv2d refuses a batch of shape \(1, 3, 8, 8\)"):
        profiler.profile(_model(nn.Conv2d(5, 4, 3)))
    assert dict(os.environ) == before


def test_a_log_level_of_the_environment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector is silent only where the environment does not state a level."""
    with profiler._silent():
        assert os.environ["KINETO_LOG_LEVEL"] == "99"
    monkeypatch.setenv("KINETO_LOG_LEVEL", "0")
    with profiler._silent():
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
    return profiler._profile(CONDITIONS, [profiler._table(session, cuda) for session in sessions], cuda)


def test_figures_are_medians_over_the_repeats() -> None:
    """Times are in nanoseconds, and the smallest and largest self time are kept as well."""
    profile = _profiled([[_row("aten::a", us), _row("[memory]", 0)] for us in (2.0, 9.5, 1.0, 3.0, 2.5)])
    assert profile.operators == (Operator("aten::a", 1, 2500, 5000, 100, -10, 1000, 9500),)
    assert profile.repeats_cpu_ns == (2000, 9500, 1000, 3000, 2500)


def test_an_operator_that_some_repeats_do_not_use_takes_no_time_there() -> None:
    """Its smallest time is 0, and so is its median where most repeats do not use it."""
    profile = _profiled([[_row("aten::a", 1.0)], [_row("aten::a", 1.0), _row("aten::b", 5.0)], [_row("aten::a", 1.0)]])
    assert [row.name for row in profile.operators] == ["aten::a", "aten::b"]
    assert profile.operators[1] == Operator("aten::b", 0, 0, 0, 0, 0, 0, 5000)


def test_kernels_count_once_with_the_operator_that_launched_them() -> None:
    """A kernel has no row of its own, or CUDA time would be counted twice."""
    profile = _profiled(
        [[_row("aten::a", 9.0, cuda_us=1.0), _row("aten::b", 1.0, cuda_us=7.0), _row("gemm", 0, device="CUDA")]],
        cuda=True,
    )
    assert [row.name for row in profile.operators] == ["aten::b", "aten::a"]
    assert profile.operators[0] == Operator(
        "aten::b", 1, 1000, 2000, 100, -10, 1000, 1000, 7000, 21000, 200, 20, 7000, 7000
    )
    assert profile.repeats_cuda_ns == (8000,)


def test_the_collectors_own_work_is_no_operator() -> None:
    """What CUPTI does for itself within a call is in no row and in no sum."""
    rows = [_row("aten::a", 2.0, cuda_us=1.0), _row("Activity Buffer Request", 1500.0), _row("cudaLaunchKernel", 1.0)]
    profile = _profiled([rows], cuda=True)
    assert {row.name for row in profile.operators} == {"aten::a", "cudaLaunchKernel"}
    assert profile.repeats_cpu_ns == (3000,)


def test_a_gpu_of_which_nothing_is_reported_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's call takes time on it, so that a sum of 0 means that its collector does not work here."""
    rows = [_row("aten::conv2d", 9.0), _row("cudaLaunchKernel", 5.0)]
    monkeypatch.setattr(profiler, "_session", lambda *_: SimpleNamespace(key_averages=lambda: rows))
    model = replace(_model(), info=replace(INFO, device="cuda"))
    message = r"\[models.net\] torch.profiler reported no work of cuda: CUPTI, .*; KINETO_LOG_LEVEL=0 before"
    with pytest.raises(ModelError, match=message):
        profiler.profile(model)


def test_a_recording_has_no_operators() -> None:
    """A CUDA graph starts kernels without them, and a table of its two copies would pass for one of the network."""
    with pytest.raises(ModelError, match=r"runs on cuda-graph, of which torch.profiler sees no operators; "):
        profiler.profile(replace(_model(), info=replace(INFO, device="cuda", runtime="cuda-graph")))


def test_on_a_gpu_operators_have_its_time(cuda: str) -> None:
    """A convolution has the CUDA time of its kernels, which run below it."""
    measured = profiler.profile(_model(device=cuda), repeats=2)
    [convolution] = [row for row in measured.operators if row.name == "aten::conv2d"]
    assert convolution.cuda_total_ns
    assert measured.repeats_cuda_ns
    assert all(measured.repeats_cuda_ns)


# The trace.


def test_the_trace_is_the_last_repeat(tmp_path: Path) -> None:
    """It is in Chrome's format, with every call of every operator of one call of the model."""
    profiler.profile(_model(), repeats=2, trace=tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["ph"] for event in events if event.get("name") == "aten::conv2d"] == ["X"]
    assert [file.name for file in tmp_path.iterdir()] == ["trace.json"]


def test_a_trace_that_cannot_be_finished_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Half of a trace stays under no name."""

    def broken(file: str) -> None:
        Path(file).write_text("{")
        raise OSError("the disk is full")

    (tmp_path / "trace.json").write_text("before")
    with pytest.raises(OSError, match="the disk is full"):
        profiler._write_trace(SimpleNamespace(export_chrome_trace=broken), tmp_path / "trace.json")
    assert (tmp_path / "trace.json").read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["trace.json"]


# Files.


def _written(folder: Path, *profiles: Profile, **keys: Any) -> Path:
    documents.write(folder / "a.json", {"format": 1, "made_at": "now", "profiles": profiles, **keys})
    return folder / "a.json"


def test_a_profile_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Its figures are equal to the nanosecond, and the only profile of a file needs no name."""
    profile = profiler.profile(_model(), repeats=1)
    assert profiler.read(_written(tmp_path, profile), "another name", "cpu") == profile


def test_of_several_the_one_of_the_model_and_device_is_read(tmp_path: Path) -> None:
    """A result document of pytest may hold many profiles; where none fits, those that it holds are named."""
    profiles = [Profile(replace(CONDITIONS, model=name), (1,), ()) for name in ("net", "wide")]
    file = _written(tmp_path, *profiles)
    assert profiler.read(file, "wide", "cpu") == profiles[1]
    with pytest.raises(
        ConfigError, match=r"a\.json: it holds no profile of wide on cuda; there are: net on cpu, wide on"
    ):
        profiler.read(file, "wide", "cuda")
    with pytest.raises(ConfigError, match=r"a\.json: it holds no profile of wide on cpu; there are: none$"):
        profiler.read(_written(tmp_path), "wide", "cpu")


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file that is missing, a folder, of another format or of another kind is an error that states which."""
    refused = {
        tmp_path / "missing.json": "there is no profile of this name; make one with imgcls profile MODEL "
        f"--json {tmp_path / 'missing.json'} ",
        tmp_path: "the profile cannot be read: Is a directory",
        _written(tmp_path, format=2): "its format is 2, and this version of imgcls reads 1",
    }
    for name, content in (("text", b"hello"), ("latin", b'{"\xff": 1}'), ("run", b'{"format": 1, "results": []}')):
        (tmp_path / name).write_bytes(content)
        refused[tmp_path / name] = "not a profile of imgcls: "
    for file, message in refused.items():
        with pytest.raises(ConfigError, match=f"^{re.escape(f'{file}: {message}')}"):
            profiler.read(file, "net", "cpu")
