"""Every image goes all the way once, in order, and no faster than the caller takes the results."""

import hashlib
import math
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fake_device import fake_cuda
from imgcls.errors import ModelError
from imgcls.evaluation import pipeline
from imgcls.evaluation.pipeline import BatchResult, ModelStage
from imgcls.evaluation.todo import Todo
from imgcls.models import inference, loader
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes import in_flight
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.preprocessing import transforms
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import ImageRef, Images
from imgcls.records.evaluation import ModelInfo
from imgcls.system import devices

INPUT = InputSpec(8, (8, 8), "center", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
INFO = ModelInfo("eager", "float32", "cpu", INPUT, None, "cd" * 32, 3, 1.0, 12)


class Means:
    """Its logits are the means of the channels; notes the size of each batch, its threads, and how many run at once."""

    compile_seconds = 0.0
    max_batch_size: int | None = None
    module: Any = None

    def __init__(self, *, concurrent: bool, error: str = "") -> None:
        self.concurrent, self.error = concurrent, error
        self.threads: set[int] = set()
        self.now, self.most = 0, 0
        self.sizes: list[int] = []
        self._lock = threading.Lock()
        self.meeting = threading.Barrier(2, timeout=10) if concurrent else None

    def to_device(self, batch: Any) -> Any:
        return batch

    def forward(self, batch: Any) -> Any:
        with self._lock:
            self.threads.add(threading.get_ident())
            self.sizes.append(len(batch))
            self.now += 1
            self.most = max(self.most, self.now)
        if self.meeting:
            self.meeting.wait()
        with self._lock:
            self.now -= 1
        if self.error:
            raise ModelError(self.error)
        return batch.mean(dim=(2, 3))

    def to_numpy(self, output: Any, images: int) -> Any:
        assert len(output) == images
        return np.asarray(output, np.float32)

    def logits(self, batch: Any) -> Any:
        return self.to_numpy(self.forward(batch), len(batch))

    def synchronize(self) -> None: ...

    def device_ns(self, batch: Any) -> None: ...


def _stage(classifier: runtimes.Classifier, name: str = "net") -> ModelStage:
    return ModelStage(name, Preprocessing(INPUT, "exact"), INFO, classifier)


def _results(
    images: Sequence[ImageRef], stages: Sequence[ModelStage], lacking: Mapping[str, slice] | None = None
) -> Generator[BatchResult]:
    """What comes of these images, all of which every model lacks, or those that ``lacking`` names."""
    missing = {stage.name: np.zeros(len(images), bool) for stage in stages}
    for name, flags in missing.items():
        flags[(lacking or {}).get(name, slice(None))] = True
    with pipeline.model_thread("cpu") as single:
        yield from pipeline.batch_results(Todo(Images(images), missing), stages, single, "ignore")


@pytest.fixture
def images(tmp_path: Path) -> list[ImageRef]:
    """Forty-three images, each of a red of its own."""
    listed = []
    for number in range(43):
        file = tmp_path / f"{number:02}.png"
        Image.new("RGB", (9, 12), (5 * number, 0, 255)).save(file)
        listed.append(ImageRef(file.name, file, hashlib.sha256(file.read_bytes()).hexdigest(), None))
    return listed


def _reds(results: Iterable[BatchResult], name: str = "net") -> list[tuple[str, int]]:
    """The images with a prediction, and the red in it."""
    return [
        (image.path, round(255 * dict(output.top)[0]))
        for result in results
        for image, output in result.outputs.get(name, [])
    ]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 43])
def test_every_image_has_one_prediction_in_order(
    images: list[ImageRef], monkeypatch: pytest.MonkeyPatch, threads: int, number: int
) -> None:
    """However many threads there are, and however few images; the network sees batches of eight only."""
    monkeypatch.setattr(pipeline, "threads", lambda: threads)
    network = Means(concurrent=False)
    reds = _reds(_results(images[:number], [_stage(network)]))
    assert reds == [(image.path, 5 * position) for position, image in enumerate(images[:number])]
    assert network.sizes == [8] * math.ceil(number / 8)


def test_one_thread_runs_a_network_unless_several_may(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is not known to bear concurrent calls runs on one and the same thread, whichever decodes."""
    monkeypatch.setattr(pipeline, "threads", lambda: 2)
    single, together = Means(concurrent=False), Means(concurrent=True)
    stages = [_stage(single, "single"), _stage(together, "together")]
    assert len(list(_results(images[:32], stages))) == 4
    assert (len(single.threads), single.most) == (1, 1)
    assert (len(together.threads), together.most) == (2, 2)
    assert not single.threads & together.threads


def test_the_next_batch_is_launched_while_one_is_waited_for(
    images: list[ImageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device that computes by itself two batches are in flight, and the seconds are those of its own clock."""
    meeting = threading.Barrier(2, timeout=10)
    launches = count()

    class Event:
        def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
            assert enable_timing != blocking

        def record(self, stream: Any) -> None:
            del stream
            self.number = next(launches)

        def synchronize(self) -> None:
            meeting.wait()

        def elapsed_time(self, end: Any) -> float:
            assert end.number > self.number
            return 250.0

    class Channels(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch.mean(dim=(2, 3))

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: None)
    monkeypatch.setattr(in_flight, "is_possible", lambda _: True)
    monkeypatch.setattr(pipeline, "threads", lambda: 2)
    stage = _stage(EagerClassifier(Channels(), "float32", "cpu"))
    results = list(_results(images[:32], [stage]))
    assert _reds(results) == [(image.path, 5 * number) for number, image in enumerate(images[:32])]
    assert [result.seconds["net"] for result in results] == [0.25] * 4


def test_what_images_are_told_apart_by_is_launched_with_their_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any network, behind which a worker would wait for it a second time; the host has it computed at once."""
    launched: list[torch.Tensor] = []

    class Fetched:
        def __init__(self, tensor: torch.Tensor, device: torch.device) -> None:
            assert device.type == "cuda"
            launched.append(tensor)

        def wait(self) -> torch.Tensor:
            return torch.ones(2, 12)

    monkeypatch.setattr(pipeline, "Fetched", Fetched)
    with fake_cuda():
        inputs = pipeline.Inputs(torch.zeros(2, 3, 8, 8, device="cuda"))
        assert [(means.device.type, means.shape) for means in launched] == [("cuda", (2, 12))]
    assert inputs.fingerprints.tolist() == [[1.0] * 12] * 2
    assert pipeline.Inputs(torch.zeros(2, 3, 8, 8)).fingerprints.tolist() == [[0.0] * 12] * 2
    assert len(launched) == 1


def test_every_thread_is_set_up_for_the_device(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that decode and the one that runs networks, each once and before anything else."""
    names: list[str] = []

    class Numbered(devices.Device):
        def thread_setup(self, device: str) -> Callable[[], None]:
            assert device == "cpu"
            return lambda: names.append(threading.current_thread().name)

    monkeypatch.setitem(devices.DEVICES, "cpu", Numbered())
    monkeypatch.setattr(pipeline, "threads", lambda: 2)
    list(_results(images, [_stage(Means(concurrent=False))]))
    assert sorted(names) == ["imgcls-model_0", "imgcls-work_0", "imgcls-work_1"]


@pytest.mark.parametrize(
    ("runtime", "device", "threads"),
    [("eager", "cpu", ""), ("compile", "cpu", "h"), ("eager", "cuda", "m"), ("compile", "cuda", "hm")],
)
def test_what_happens_once_happens_in_the_thread_that_it_is_for(runtime: str, device: str, threads: str) -> None:
    """A network is compiled here, where an interrupt ends it; a GPU's libraries prepare their work for a thread."""
    network, info = Means(concurrent=False), replace(INFO, runtime=runtime, device=device)
    with pipeline.model_thread("cpu") as single:
        expected = {"h": threading.get_ident(), "m": single.submit(threading.get_ident).result()}
        pipeline.get_ready(network, info, single)
    assert network.threads == {expected[each] for each in threads}


def test_a_gpu_predicts_as_the_cpu(images: list[ImageRef], cuda: str) -> None:
    """From files to logits, rounding aside."""
    spec = ModelSpec("net", "torchvision:squeezenet1_1", "random:0")
    assert _outputs(spec, cuda, images) == pytest.approx(_outputs(spec, "cpu", images), abs=5e-3)


def _outputs(spec: ModelSpec, device: str, images: Sequence[ImageRef]) -> dict[str, float]:
    """For every image the best logit and the sum over all classes."""
    model = loader.load(spec, device)
    preprocessing = Preprocessing(model.info.input, "exact")
    stage = replace(_stage(model.classifier), preprocessing=preprocessing, info=model.info)
    outputs = [pair for result in _results(images, [stage]) for pair in result.outputs["net"]]
    best = {f"best of {image.path}": output.top[0][1] for image, output in outputs}
    return best | {f"sum of {image.path}": output.logsumexp for image, output in outputs}


def test_a_network_that_works_in_place_spoils_nothing_for_the_next(images: list[ImageRef]) -> None:
    """Each has a copy of its own, also where the batch already has the right layout."""

    class Emptying(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch.zero_().mean(dim=(2, 3))

    batch = torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)
    EagerClassifier(Emptying(), "float32", "cpu").logits(batch)
    assert batch.eq(1).all()
    stages = [
        _stage(EagerClassifier(Emptying(), "float32", "cpu"), "first"),
        _stage(Means(concurrent=False)),
    ]
    assert [red for _, red in _reds(_results(images, stages))] == [5 * n for n in range(43)]


@pytest.mark.parametrize("error", [MemoryError("full"), torch.AcceleratorError("CUDA error: full")])
def test_an_error_outside_of_the_network_is_the_machines(
    images: list[ImageRef], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Also after the network has run."""

    def failing(*_: Any) -> None:
        raise error

    monkeypatch.setattr(transforms, "fingerprint", failing)
    [result] = _results(images[:1], [_stage(Means(concurrent=False))])
    assert str(result.failures["net"]).startswith("1 image could not be prepared for the networks: ")


def test_a_model_that_fails_does_not_stop_the_others(images: list[ImageRef]) -> None:
    """Its error is in the result; the other's outputs are there."""
    stages = [
        _stage(Means(concurrent=False, error="ill"), "ill"),
        _stage(Means(concurrent=False), "well"),
    ]
    results = list(_results(images, stages))
    assert {str(result.failures["ill"]) for result in results} == {"ill"}
    assert len(_reds(results, "well")) == 43
    assert not any("ill" in result.outputs for result in results)


def test_a_stopped_model_runs_no_more(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the caller has seen it fail."""
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    stage = _stage(Means(concurrent=False, error="ill"))
    batches = 0
    for result in _results(images, [stage]):
        batches += "net" in result.seconds
        stage.stopped = True
    assert batches < 6


def test_only_what_is_missing_is_computed(images: list[ImageRef]) -> None:
    """A model that has predictions for some images does not run on those."""
    results = _results(images, [_stage(Means(concurrent=False))], {"net": slice(10, 20)})
    assert [path for path, _ in _reds(results)] == [image.path for image in images[10:20]]


def test_batches_are_of_images_that_the_same_models_lack(images: list[ImageRef]) -> None:
    """However the stored images lie among the others, each model has only one batch that is filled up per group."""
    most, few = Means(concurrent=False), Means(concurrent=False)
    stages = [_stage(most, "most"), _stage(few, "few")]
    results = list(_results(images, stages, {"most": slice(40), "few": slice(None, None, 2)}))
    assert sorted(_reds(results, "most")) == [(image.path, 5 * number) for number, image in enumerate(images[:40])]
    assert sorted(path for path, _ in _reds(results, "few")) == [image.path for image in images[::2]]
    assert (most.sizes, few.sizes) == ([8] * 6, [8] * 4)


def test_an_image_that_is_rejected_is_replaced_by_a_copy(images: list[ImageRef]) -> None:
    """The network sees a whole batch, and no prediction for the copy."""
    images[3].file.unlink()
    network = Means(concurrent=False)
    [result] = _results(images[:8], [_stage(network)])
    assert (network.sizes, len(_reds([result])), len(result.rejected["exact"])) == ([8], 7, 1)


def test_workers_do_not_run_ahead(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the caller takes results, at most two batches for each thread are begun, so that memory does not grow."""
    submitted: list[object] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Any:
            submitted.append(arguments)
            return super().submit(work, *arguments, **named)

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", Counting)
    monkeypatch.setattr(pipeline, "threads", lambda: 2)
    monkeypatch.setattr(inference, "MAX_BATCH_SIZE", {"cpu": 1})
    fast = Means(concurrent=True)
    fast.meeting = None
    results = _results(images, [_stage(fast)])
    for taken in range(1, 11):
        next(results)
        assert len(submitted) == taken + 4


def test_seconds_are_the_networks_own(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is clocked is the network, not the wait for a turn."""
    clock = count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    [result] = _results(images[:8], [_stage(Means(concurrent=False))])
    assert (result.decode_seconds, result.seconds) == (1.0, {"net": 1.0})


def test_memory_that_runs_out_is_the_machines(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback of a thread."""

    def full(*_: Any) -> None:
        raise MemoryError("Unable to allocate 4 GiB")

    monkeypatch.setattr(transforms, "normalize", full)
    [result] = _results(images[:1], [_stage(Means(concurrent=False))])
    message = "1 image could not be prepared for the networks: Unable to allocate 4 GiB"
    assert str(result.failures["net"]) == message


def test_a_rejection_is_permanent_or_not(images: list[ImageRef]) -> None:
    """Broken bytes stay broken; a file that is gone may come back."""
    images[3].file.unlink()
    broken = images[5].file
    broken.write_bytes(b"not an image")
    images[5] = ImageRef("broken", broken, hashlib.sha256(b"not an image").hexdigest(), None)
    results = list(_results(images, [_stage(Means(concurrent=False))]))
    rejected = [(bad.image.path, bad.reason, bad.permanent) for result in results for bad in result.rejected["exact"]]
    assert rejected == [("03.png", "missing", False), ("broken", "not_an_image", True)]
    assert len(_reds(results)) == 41


def test_another_number_of_outputs_than_the_layers_state_is_a_failure(images: list[ImageRef]) -> None:
    """No prediction is stored under a number of classes that it does not have."""
    stage = _stage(Means(concurrent=True))
    stage.outputs = 1000
    [first, *_] = _results(images, [stage])
    assert str(first.failures["net"]) == "net has 3 outputs, and 1000 by its last layer"
    assert "net" not in first.outputs
