"""imgcls.memory: a model's peaks are found in a process of its own, to the byte, and named by who asked for them."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from imgcls import config, limits, memory, memory_child, models
from imgcls.errors import DeviceMissing, ImgclsError, MachineError, ModelError
from imgcls.measures import Growth, Memory, Peak
from imgcls.records import ModelSpec

MB = 1_000_000
HALF = (0.5, 0.5, 0.5)
INPUT = {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": HALF, "std": HALF}
BUILTIN = Path(__file__).parent.parent / "imgcls.toml"

NETS = '''
import os
import torch

KEPT = []


def tensor():
    return torch.ones(25_000_000)


class Keeper(torch.nn.Module):
    """Keeps 100 MB where it is told to."""

    def __init__(self, where):
        super().__init__()
        self.head = torch.nn.Linear(3, 10)
        self.register_buffer("scale", torch.ones(10, dtype=torch.int64), persistent=False)
        self.where, self.kept, self.calls = where, None, 0
        if where == "factory":
            self.kept = tensor()

    def forward(self, batch):
        self.calls += 1
        if self.where == "first call" and self.calls == 1:
            self.kept = tensor()
        if self.where == "every call":
            self.kept = None
            self.kept = tensor()
        if self.where == "leak":
            KEPT.append(torch.ones(250_000))
        if self.where == "killed":
            print("a last word")
            os.kill(os.getpid(), 9)
        if self.where == "leaves":
            os._exit(7)
        if self.where == "refuses":
            raise ValueError("no such pictures")
        return self.head(batch.mean((2, 3))) * self.scale


def keeper(where=None):
    return Keeper(where)


def broken():
    raise RuntimeError("no such backbone")


def wide():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 256, 3, 2), torch.nn.Conv2d(256, 512, 3, 2), torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(), torch.nn.Linear(8192, 2900), torch.nn.Linear(2900, 10),
    )


class Plain(torch.nn.Module):
    """Convolves in double precision, which oneDNN does not: its own copies no profiler tells from tensors."""

    def __init__(self):
        super().__init__()
        self.filters = torch.nn.Parameter(torch.ones(64, 3, 3, 3))
        self.more = torch.nn.Parameter(torch.ones(10, 64, 3, 3))

    def forward(self, batch):
        hidden = torch.nn.functional.conv2d(batch.double(), self.filters.double()).relu()
        return torch.nn.functional.conv2d(hidden, self.more.double()).mean((2, 3))


def plain():
    return Plain()
'''


@pytest.fixture(scope="module", autouse=True)
def _own_nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A user's module of factories; one thread, because threads that wait for each other are slow."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "memory_nets.py").write_text(NETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    sys.modules.pop("memory_nets", None)


def _own(factory: str, **keys: Any) -> ModelSpec:
    return ModelSpec("net", f"python:memory_nets:{factory}", labels="digits", input=INPUT, **keys)


def _keeper(where: str) -> ModelSpec:
    return _own("keeper", options={"where": where})


@pytest.fixture(scope="module")
def clean() -> Memory:
    """What the network takes that keeps nothing."""
    return memory.measure(_own("keeper"))


def _rows(peak: Peak) -> int:
    return sum(peak.weights.values()) + peak.activations_bytes + peak.workspace_bytes + peak.rest_bytes


def _assert_attributed(seen: Memory) -> None:
    """The rows of both peaks add up, and of a network that answers all weights are there."""
    for peak in (seen.loading, seen.inference):
        assert abs(_rows(peak) - peak.heap_bytes) <= max(0.05 * peak.heap_bytes, 3 * MB)
    assert sum(seen.inference.weights.values()) >= 4 * seen.conditions.parameters


def _assert_no_leak(seen: Memory) -> None:
    assert limits.growth(seen).status == "pass"


# Planted faults.


@pytest.mark.parametrize("where", ["factory", "first call", "every call"])
def test_kept_tensors_are_found(clean: Memory, where: str) -> None:
    """100 MB that the factory, the first call or every call keeps are in the peak, within 2 %, and named.

    Python takes memory for its objects by the MiB, and which phase does so depends on all that came before.
    """
    seen = memory.measure(_keeper(where))
    assert seen.inference.heap_bytes - clean.inference.heap_bytes == pytest.approx(100 * MB, rel=0.02)
    assert seen.inference.activations_bytes == pytest.approx(100 * MB, rel=0.01)
    assert seen.loading.heap_bytes == pytest.approx(100 * MB if where == "factory" else 0, abs=2 * MB)
    line = 1 + NETS.splitlines().index("    return torch.ones(25_000_000)")
    assert seen.inference.sites[0].where == f"memory_nets.py:{line} in tensor"
    assert seen.inference.sites[0].bytes == pytest.approx(100 * MB, rel=0.01)
    _assert_attributed(seen)
    _assert_no_leak(seen)


def test_leaks_are_found() -> None:
    """A network that keeps 1 MB more with every call grows by that, and one that keeps nothing does not grow."""
    seen = memory.measure(_keeper("leak"))
    assert seen.growth.calls == memory_child.CALLS
    assert seen.growth.bytes_per_call == pytest.approx(1 * MB, rel=0.1)
    assert seen.growth.low > 0.9 * MB
    assert limits.growth(seen).message.startswith("LEAK: memory of net: +1")


def test_killed_processes_are_told() -> None:
    """A model whose process is killed, or that ends it, is told with its name, what happened and what to do."""
    killed = r"\[models\.net\] python:memory_nets:keeper: its process was killed by SIGKILL .*run out of memory.*fewer"
    with pytest.raises(ModelError, match=killed):
        memory.measure(_keeper("killed"))
    with pytest.raises(ModelError, match=r"\[models\.net\] .* ended its process .* with exit code 7"):
        memory.measure(_keeper("leaves"))


# What a model raises.


def _raised(ask: Callable[[], object]) -> ImgclsError:
    with pytest.raises(ImgclsError) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize(
    "spec",
    [
        _own("broken"),
        _own("absent"),
        ModelSpec("net", "timm:test_resnett", weights="random:1"),
        ModelSpec("net", "timm:test_resnet", weights=Path("absent.safetensors")),
    ],
    ids=lambda spec: f"{spec.arch} {spec.weights}",
)
def test_errors_are_those_of_loading(spec: ModelSpec) -> None:
    """What goes wrong when a model is loaded goes wrong alike when it is measured."""
    here, there = _raised(lambda: models.load(spec, "cpu")), _raised(lambda: memory.measure(spec))
    assert (type(here), str(here)) == (type(there), str(there))


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuda: there is a CUDA device here")
def test_absent_devices() -> None:
    """A device that is not there is told as it is when a model is loaded."""
    with pytest.raises(DeviceMissing, match="device 'cuda' was asked for"):
        memory.measure(_own("keeper"), "cuda")


def test_cuda_is_measured(cuda: str) -> None:
    """On a GPU torch's allocator is asked: weights are there after loading, and more while pictures are answered."""
    seen = memory.measure(ModelSpec("resnet50", "torchvision:resnet50", weights="random:0"), cuda)
    loading, inference = seen.loading.cuda_allocated_bytes, seen.inference.cuda_allocated_bytes
    assert loading is not None
    assert inference is not None
    assert sum(seen.inference.weights.values()) <= loading < inference
    assert inference <= (seen.inference.cuda_reserved_bytes or 0)
    _assert_no_leak(seen)


def test_errors_of_the_first_call() -> None:
    """A network that does not take the pictures says so as it does elsewhere."""
    with pytest.raises(ModelError, match=r"Keeper refuses a batch of shape \(2, 3, 32, 32\): no such pictures"):
        memory.measure(_keeper("refuses"), batch=2)


def test_memray_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no memray, the message says what to do."""
    monkeypatch.setattr(memory, "find_spec", lambda _: None)
    with pytest.raises(MachineError, match=r"not installed here .*: pip install memray, or measure on Linux or macOS"):
        memory.measure(_own("keeper"))


def test_captures_need_a_folder(tmp_path: Path) -> None:
    """A folder that cannot be is the machine's fault, told before anything is measured."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"captures cannot be written to .*file: "):
        memory.measure(_own("keeper"), memray_dir=tmp_path / "file")


def test_flame_graphs_are_drawn(tmp_path: Path) -> None:
    """The captures stay, with a flame graph of each peak; what an earlier measurement left there is replaced."""
    for name in ("net-loading.bin", "net-loading.html"):
        (tmp_path / name).write_text("old")
    memory.measure(_own("keeper"), memray_dir=tmp_path)
    assert {file.name for file in tmp_path.glob("*.html")} == {"net-loading.html", "net-inference.html"}
    assert all("memory_nets.py" in page.read_text(encoding="utf-8") for page in tmp_path.glob("*.html"))


# Attribution.


def test_parameters_and_buffers_are_weights(clean: Memory) -> None:
    """Weights are counted to the byte and by type, buffers that no state dict has among them."""
    assert clean.inference.weights == {"float32": 4 * 40, "int64": 8 * 10}
    _assert_attributed(clean)
    _assert_no_leak(clean)


@pytest.mark.parametrize("name", ["digits_resnet", "digits_efficientnet", "digits_vit"])
def test_builtin_models_are_attributed(name: str) -> None:
    """Of the networks that come with the package, nearly every byte has its row, and none leaks."""
    seen = memory.measure(config.load([BUILTIN]).models[name], batch=8)
    assert seen.conditions.batch == 8
    _assert_attributed(seen)
    _assert_no_leak(seen)


@pytest.mark.parametrize("name", ["squeezenet", "mobilenet_qat"])
def test_real_models_are_attributed(shared_data: Path, name: str) -> None:
    """Of real networks with real weights as well."""
    seen = memory.measure(config.load([shared_data / "imgcls.toml"]).models[name])
    _assert_attributed(seen)
    _assert_no_leak(seen)


@pytest.fixture(scope="module")
def resnet50() -> Memory:
    return memory.measure(ModelSpec("resnet50", "torchvision:resnet50", weights="random:0"))


def test_resnet50_is_attributed(resnet50: Memory) -> None:
    """ResNet-50's weights are torchvision's published 97.8 MiB, and its layers are named."""
    assert sum(resnet50.inference.weights.values()) == 4 * (25_557_032 + 53_120) + 8 * 53
    assert any(site.where.startswith("resnet.py:") for site in resnet50.inference.sites)
    _assert_attributed(resnet50)
    _assert_no_leak(resnet50)


def _profiled(spec: ModelSpec) -> list[int]:
    """What torch's profiler sees in this process of one call."""
    model = models.load(spec, "cpu")
    pictures = memory_child._pictures(1, model.facts.input.crop)
    with torch.random.fork_rng():
        model.classifier.logits(pictures)
        return memory_child._profiled(lambda: model.classifier.logits(pictures), "cpu")


def _peak(sizes: list[int]) -> int:
    return max(accumulate(sizes))


def test_tensors_are_those_of_torchs_profiler(resnet50: Memory) -> None:
    """Memray's tensors are what torch's own profiler says; with oneDNN, whose copies it counts too, both rows are."""
    plain, sizes = memory.measure(_own("plain")), _profiled(_own("plain"))
    assert plain.inference.activations_bytes == pytest.approx(_peak(sizes), rel=0.01)
    assert plain.profiler_bytes == sum(size for size in sizes if size > 0)
    sizes = _profiled(ModelSpec("resnet50", "torchvision:resnet50", weights="random:0"))
    seen = resnet50.inference
    assert seen.activations_bytes <= _peak(sizes) <= seen.activations_bytes + seen.workspace_bytes


# Loading.


@pytest.mark.parametrize("arch", ["python:memory_nets:wide", "torchvision:resnet50"])
def test_loading_holds_weights_once(tmp_path: Path, arch: str) -> None:
    """A file of 100 MB is loaded in less than 110 MB, by memray's heap and by resident memory."""
    options = {"num_classes": 700} if arch == "torchvision:resnet50" else {}
    spec = ModelSpec("net", arch, tmp_path / "net.safetensors", options=options, labels="digits", input=INPUT)
    save_file(models.build(spec).state_dict(), tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").stat().st_size == pytest.approx(100 * MB, rel=0.01)
    seen = memory.measure(spec)
    assert 99 * MB < seen.loading.heap_bytes < 110 * MB
    assert 99 * MB < seen.loading.rss_bytes - seen.libraries_rss_bytes < 110 * MB
    _assert_attributed(seen)


# Growth, without a process.


@pytest.mark.parametrize(
    ("resident", "leaks"),
    [
        ([500 * MB] * 40, False),
        ([500 * MB + call * MB for call in range(40)], True),
        ([500 * MB + call * MB + (call % 3) * 400_000 for call in range(20)], True),
        ([500 * MB + (call >= 9) * 30 * MB for call in range(40)], False),
        ([500 * MB + (call % 7) * 4096 for call in range(40)], False),
        ([500 * MB + call * 4096 for call in range(40)], False),
        ([500 * MB - call * MB for call in range(40)], False),
    ],
    ids=["still", "leak", "unsteady leak", "one step", "to and fro", "pages", "shrinking"],
)
def test_only_steady_growth_is_a_leak(clean: Memory, resident: list[int], leaks: bool) -> None:
    """Memory that rises with every call is a leak; one step, noise and single pages are none."""
    found = memory_child.growth(resident)
    assert found.calls == len(resident)
    assert found.low <= found.bytes_per_call <= found.high
    assert (limits.growth(replace(clean, growth=found)).status == "fail") == leaks


def test_growth_is_a_slope() -> None:
    """The slope is bytes per call."""
    assert memory_child.growth([7 * call for call in range(20)]) == Growth(20, 7.0, 7.0, 7.0)


def test_slow_calls_are_fewer() -> None:
    """Calls that take long are made less often, and not less than the fewest."""
    ticks = iter(range(0, 10_000, 20))
    seen = memory_child._resident(lambda: None, "cpu", clock=lambda: float(next(ticks)))
    assert len(seen) == memory_child.FEWEST_CALLS
    assert len(memory_child._resident(lambda: None, "cpu")) == memory_child.CALLS
