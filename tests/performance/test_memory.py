"""imgcls.performance.memory: peaks are measured in a process of their own, to the byte, with the allocating lines."""

import inspect
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import save_file

import memory_forks
import memory_nets
from imgcls.config import loader as configuration
from imgcls.errors import MachineError, ModelError
from imgcls.gates import cost
from imgcls.models import loader
from imgcls.models.sources import base as sources
from imgcls.performance import memory, memory_process
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Memory, Peak
from memory_nets import model_spec

MB = 1_000_000
BUILTIN = Path(__file__).parents[2] / "imgcls.toml"


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread, because threads that wait for each other are slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


class Clean(NamedTuple):
    """A network that keeps nothing, and the folder of its captures, where an earlier measurement left files."""

    memory: Memory
    captures: Path


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """The memory of a network that keeps nothing."""
    folder = tmp_path_factory.mktemp("captures")
    for name in ("net-loading.bin", "net-loading.html"):
        (folder / name).write_text("old")
    return Clean(memory_forks.measure(model_spec("keeper"), memray_dir=folder), folder)


@pytest.fixture(scope="module")
def resnet50(tmp_path_factory: pytest.TempPathFactory) -> Memory:
    """The memory of torchvision's ResNet-50, with its weights from a file."""
    file = tmp_path_factory.mktemp("weights") / "resnet50.safetensors"
    save_file(sources.build(ModelSpec("resnet50", "torchvision:resnet50")).state_dict(), file)
    return memory.measure(ModelSpec("resnet50", "torchvision:resnet50", file, labels="imagenet-1k"))


def _rows(peak: Peak) -> int:
    return sum(peak.weights.values()) + peak.activations_bytes + peak.workspace_bytes + peak.rest_bytes


def _assert_attributed(measured: Memory) -> None:
    """The rows of both peaks add up, and all weights are in the peak of inference."""
    for peak in (measured.loading, measured.inference):
        assert abs(_rows(peak) - peak.heap_bytes) <= max(0.05 * peak.heap_bytes, 3 * MB)
    assert sum(measured.inference.weights.values()) >= 4 * measured.conditions.parameters


def _assert_no_leak(measured: Memory) -> None:
    assert cost.growth(measured).status == "pass"


def _assert_loaded_once(measured: Memory, file_bytes: int) -> None:
    """Loading takes less than 1.1 times the file, by memray's heap and by resident memory."""
    lowest, highest = 0.99 * file_bytes, 1.1 * file_bytes
    assert lowest < measured.loading.heap_bytes < highest
    assert lowest < measured.loading.rss_bytes - measured.libraries_rss_bytes < highest


# Planted faults.


@pytest.mark.slow
@pytest.mark.parametrize("where", ["factory", "first call", "every call"])
def test_kept_tensors_are_in_the_peak(clean: Clean, where: str) -> None:
    """100 MB that the factory, the first call or every call keeps are in the peak, within 2 %, with their line.

    Python takes memory for its objects by the MiB, and which phase does so depends on all that came before.
    """
    measured = memory_forks.measure(model_spec("keeper", where=where))
    assert measured.inference.heap_bytes - clean.memory.inference.heap_bytes == pytest.approx(100 * MB, rel=0.02)
    assert measured.inference.activations_bytes == pytest.approx(100 * MB, rel=0.01)
    assert measured.loading.heap_bytes == pytest.approx(100 * MB if where == "factory" else 0, abs=2 * MB)
    source, first = inspect.getsourcelines(memory_nets.tensor)
    assert measured.inference.sites[0].where == f"memory_nets.py:{first + len(source) - 1} in tensor"
    assert measured.inference.sites[0].bytes == pytest.approx(100 * MB, rel=0.01)
    _assert_attributed(measured)
    _assert_no_leak(measured)


@pytest.mark.slow
def test_a_leak_is_measured() -> None:
    """A network that keeps 1 MB more with every call grows by that."""
    measured = memory_forks.measure(model_spec("keeper", where="leak"))
    assert measured.growth.calls == memory_process.CALLS
    assert measured.growth.bytes_per_call == pytest.approx(1 * MB, rel=0.1)
    assert measured.growth.low > 0.9 * MB
    assert cost.growth(measured).message.startswith("LEAK: memory of net: +1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            model_spec("keeper", where="killed"),
            r"\[models\.net\] python:memory_nets:keeper: its process was killed by SIGKILL .*run out of memory.*fewer",
        ),
        (model_spec("leaves"), r"\[models\.net\] .* ended its process .* with exit code 7$"),
    ],
    ids=["killed", "leaves"],
)
def test_a_dead_process_is_an_error_of_the_model(spec: ModelSpec, message: str) -> None:
    """A model whose process is killed, or that ends it, is named with what happened and what to do."""
    with pytest.raises(ModelError, match=message):
        memory.measure(spec)


CUDA_ERROR = """Traceback (most recent call last):
  File "memory_process.py", line 137, in _warm_up_torch
torch.AcceleratorError: CUDA error: out of memory
Search for `cudaErrorMemoryAllocation' in https://docs.nvidia.com/cuda for more information.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.

"""


CHAINED = """During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "nets.py", line 3, in broken
nets.Broken: no network
"""


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (CUDA_ERROR, ": torch.AcceleratorError: CUDA error: out of memory"),
        (f"{CUDA_ERROR}{CHAINED}", ": nets.Broken: no network"),
        (
            "the model said\nlibcudart.so.13: cannot open shared object file",
            ": libcudart.so.13: cannot open shared object file",
        ),
        ("", ""),
    ],
)
def test_the_reason_of_a_dead_process_is_its_exception(errors: str, reason: str) -> None:
    """The line that names it, and not the last of the advice that CUDA's errors end with."""
    assert str(memory._dead(model_spec("leaves"), 1, errors)).endswith(f"was measured, with exit code 1{reason}")


@pytest.mark.slow
def test_an_error_of_the_process_is_raised_here() -> None:
    """What is raised in the model's process is raised by the measurement, with its type and message."""
    with pytest.raises(ModelError) as loaded:
        loader.load(model_spec("broken"), "cpu")
    with pytest.raises(ModelError) as measured:
        memory.measure(model_spec("broken"))
    assert str(measured.value) == str(loaded.value)


def test_without_memray_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memray is not installed, the message states what to do."""
    monkeypatch.setattr(memory, "find_spec", lambda _: None)
    with pytest.raises(MachineError, match=r"not installed here .*: pip install memray, or measure on Linux or macOS"):
        memory.measure(model_spec("keeper"))


def test_captures_need_a_folder(tmp_path: Path) -> None:
    """A folder that cannot be made is the machine's fault, and an error before anything is measured."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"captures cannot be written to .*file: "):
        memory.measure(model_spec("keeper"), memray_dir=tmp_path / "file")


@pytest.mark.slow
def test_flame_graphs_are_drawn(clean: Clean) -> None:
    """The captures stay, with a flame graph of each peak; files of an earlier measurement are replaced."""
    pages = {file.name: file.read_text(encoding="utf-8") for file in clean.captures.glob("*.html")}
    assert pages.keys() == {"net-loading.html", "net-inference.html"}
    assert all("memory_nets.py" in page for page in pages.values())
    assert {file.name for file in clean.captures.glob("*.bin")} == {f"net-{phase}.bin" for phase in memory.CAPTURES}
    assert all(file.read_bytes() != b"old" for file in clean.captures.glob("*.bin"))


# Attribution.


@pytest.mark.slow
def test_parameters_and_buffers_are_weights(clean: Clean) -> None:
    """Weights are counted to the byte and by type, buffers that no state dict has among them."""
    assert clean.memory.inference.weights == {"float32": 4 * 40, "int64": 8 * 10}
    _assert_attributed(clean.memory)
    _assert_no_leak(clean.memory)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_resnet", "digits_efficientnet", "digits_vit"])
def test_builtin_models_are_attributed(name: str) -> None:
    """Of the networks that come with the package, nearly every byte has its row, and none leaks."""
    measured = memory_forks.measure(configuration.load([BUILTIN]).models[name], batch=8)
    assert measured.conditions.batch == 8
    _assert_attributed(measured)
    _assert_no_leak(measured)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["squeezenet", "mobilenet_qat"])
def test_real_models_are_attributed(shared_data: Path, name: str) -> None:
    """Of real networks with real weights as well."""
    measured = memory_forks.measure(configuration.load([shared_data / "imgcls.toml"]).models[name])
    _assert_attributed(measured)
    _assert_no_leak(measured)


def test_cuda_memory_is_that_of_torchs_allocator(cuda: str) -> None:
    """On a GPU the weights are there after loading, and more while images are classified."""
    pytest.importorskip("memray", reason="memray: not installed here, and memory is measured with it")
    measured = memory.measure(ModelSpec("resnet50", "torchvision:resnet50", weights="random:0"), cuda)
    loading, inference = measured.loading.cuda_allocated_bytes, measured.inference.cuda_allocated_bytes
    assert loading is not None
    assert inference is not None
    assert sum(measured.inference.weights.values()) <= loading < inference
    assert inference <= (measured.inference.cuda_reserved_bytes or 0)
    _assert_no_leak(measured)


@pytest.mark.slow
def test_resnet50_is_attributed(resnet50: Memory) -> None:
    """ResNet-50's weights are torchvision's published 97.8 MiB, and its layers are named."""
    assert sum(resnet50.inference.weights.values()) == 4 * (25_557_032 + 53_120) + 8 * 53
    assert any(site.where.startswith("resnet.py:") for site in resnet50.inference.sites)
    _assert_attributed(resnet50)
    _assert_no_leak(resnet50)


def _allocations(spec: ModelSpec) -> list[int]:
    """What torch's profiler counts in this process of one call: bytes given and taken back, in order."""
    model = loader.load(spec, "cpu")
    images = memory_process._images(1, model.info.input.shape)
    with torch.random.fork_rng():
        model.classifier.logits(images)
        return memory_process._profiled(lambda: model.classifier.logits(images), "cpu")


@pytest.mark.slow
def test_tensors_are_those_of_torchs_profiler(resnet50: Memory) -> None:
    """Memray's tensors are those of torch's own profiler, which counts oneDNN's copies among them."""
    plain, sizes = memory_forks.measure(model_spec("plain")), _allocations(model_spec("plain"))
    assert plain.inference.activations_bytes == pytest.approx(max(accumulate(sizes)), rel=0.01)
    assert plain.profiler_bytes == sum(size for size in sizes if size > 0)
    peak = max(accumulate(_allocations(ModelSpec("resnet50", "torchvision:resnet50", weights="random:0"))))
    inference = resnet50.inference
    assert inference.activations_bytes <= peak <= inference.activations_bytes + inference.workspace_bytes


# Loading.


@pytest.mark.slow
def test_loading_holds_weights_once(tmp_path: Path, resnet50: Memory) -> None:
    """A file of 100 MB is loaded in less than 110 MB, into a network of one's own and into a published one."""
    file = tmp_path / "net.safetensors"
    wide = model_spec("wide")
    save_file(sources.build(wide).state_dict(), file)
    spec = ModelSpec("net", wide.arch, file, labels="digits", input=memory_nets.INPUT)
    assert file.stat().st_size == pytest.approx(100 * MB, rel=0.01)
    measured = memory.measure(spec)
    _assert_loaded_once(measured, file.stat().st_size)
    _assert_loaded_once(resnet50, sum(resnet50.inference.weights.values()))
    _assert_attributed(measured)
