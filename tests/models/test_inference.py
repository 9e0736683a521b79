"""imgcls.models.inference: batches are as large as the memory allows, and the logits the same however they are cut."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from imgcls.errors import OutOfMemory
from imgcls.evaluation import agreement
from imgcls.models import inference
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import InputSpec, Precision
from imgcls.records.evaluation import ModelInfo

INPUT = InputSpec(4, (4, 4), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
INFO = ModelInfo("eager", "float32", "cpu", INPUT, None, "cd" * 32, 3, 1.0, 12)
BATCH = torch.arange(21 * 3 * 4 * 4, dtype=torch.float32).reshape(21, 3, 4, 4)


@dataclass
class Narrow:
    """Returns the means of the channels, and holds at most ``room`` images at once."""

    room: int
    max_batch_size: int | None = None
    concurrent: bool = False
    compile_seconds: float = 0.0
    module: Any = None
    sizes: list[int] = field(default_factory=list)

    def to_device(self, batch: Any) -> Any:
        return batch

    def forward(self, batch: Any) -> Any:
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise OutOfMemory(f"{len(batch)} images do not fit")
        return batch.mean(dim=(2, 3))

    def to_numpy(self, output: Any, images: int) -> Any:
        assert len(output) == images
        return output.numpy()

    def logits(self, batch: Any) -> Any:
        return self.to_numpy(self.forward(batch), len(batch))

    def synchronize(self) -> None: ...

    def device_ns(self, batch: Any) -> None: ...


@pytest.mark.parametrize("room", [1, 2, 3, 5, 8, 100])
def test_batches_are_halved_until_they_fit(room: int) -> None:
    """Whatever fits, every image has its logits once, in order, and a size that did not fit is not tried again."""
    narrow = Narrow(room)
    logits = inference.logits(narrow, INFO, BATCH)
    assert np.array_equal(logits, BATCH.mean(dim=(2, 3)).numpy())
    refused = [size for size in narrow.sizes if size > room]
    assert len(refused) == len(set(refused))
    before = len(narrow.sizes)
    inference.logits(narrow, INFO, BATCH)
    assert all(size <= room for size in narrow.sizes[before:])


@pytest.mark.parametrize(("room", "size"), [(5, 4), (1, 1), (8, None)])
def test_halved_batches_are_stated(room: int, size: int | None) -> None:
    """With their size, since other bits may come of it; another classifier's are its own."""
    narrow = Narrow(room)
    inference.logits(narrow, INFO, BATCH)
    assert inference.smaller_batches(narrow, INFO) == (
        f"its batches were of {size} and not of 8 images, because no more fit into memory: the last bits of logits may "
        "be others than with more memory"
        if size
        else None
    )
    assert inference.smaller_batches(Narrow(room, max_batch_size=2), INFO) is None


@pytest.mark.parametrize("where", ["to_device", "to_numpy"])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_memory_may_run_out_anywhere(monkeypatch: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    """On the way to the device and back as well, batches are halved."""
    original = getattr(Narrow, where)

    def narrow(self: Narrow, batch: Any, *more: Any) -> Any:
        if len(batch) > 2:
            raise error
        return original(self, batch, *more)

    monkeypatch.setattr(Narrow, where, narrow)
    assert np.array_equal(inference.logits(Narrow(100), INFO, BATCH), BATCH.mean(dim=(2, 3)).numpy())


def test_memory_may_run_out_where_a_batch_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU the copies need memory as everything else does."""
    filled = inference._filled

    def narrow(batch: torch.Tensor, size: int) -> torch.Tensor:
        if size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return filled(batch, size)

    monkeypatch.setattr(inference, "_filled", narrow)
    assert np.array_equal(inference.logits(Narrow(100), INFO, BATCH), BATCH.mean(dim=(2, 3)).numpy())


@pytest.mark.parametrize("where", ["forward", "late"])
def test_what_did_not_fit_is_let_go_before_less_is_tried(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the error nor the frames that it came through hold a tensor, in whichever thread the network ran."""
    alive: list[weakref.ref[torch.Tensor]] = []
    left: list[int] = []

    class Network(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            left.append(sum(reference() is not None for reference in alive))
            activations = batch + 1
            alive.extend(map(weakref.ref, (batch, activations)))
            if where == "forward" and len(batch) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return activations.mean(dim=(2, 3))

    def synchronize(tensor: torch.Tensor) -> torch.Tensor:
        if where == "late" and len(tensor) > 2:
            raise torch.AcceleratorError("CUDA error: out of memory")
        return tensor

    monkeypatch.setattr(torch.Tensor, "cpu", synchronize)
    gc.collect()
    gc.disable()
    try:
        with ThreadPoolExecutor(1) as single:
            classifier = EagerClassifier(Network(), "float32", "cpu")
            inference.logits(classifier, INFO, BATCH[:8], lambda *call: single.submit(*call).result())
    finally:
        gc.enable()
    assert (len(left), sum(left)) == (6, 0)  # of 8 and 4 images, and then of 2


def test_a_single_image_that_does_not_fit_is_an_error() -> None:
    """There is nothing left to halve."""
    with pytest.raises(OutOfMemory, match="1 images do not fit"):
        inference.logits(Narrow(0), INFO, BATCH)


def test_batches_have_a_limit_of_pixels_and_of_images() -> None:
    """On a CPU eight of 224 x 224, one of 480 x 480 and eight at most, on a GPU eight of 480 x 480 and 32 at most."""
    sizes = {side: replace(INFO, input=replace(INFO.input, crop=(side, side))) for side in (32, 224, 480)}
    assert {side: inference.batch_size(info) for side, info in sizes.items()} == {32: 8, 224: 8, 480: 1}
    on_gpu = {side: replace(info, device="cuda") for side, info in sizes.items()}
    assert {side: inference.batch_size(info) for side, info in on_gpu.items()} == {32: 32, 224: 32, 480: 8}
    assert inference.batch_size(replace(sizes[224], device="cuda:1")) == 32
    assert inference.batch_size(replace(sizes[224], runtime="openvino")) == 2
    assert inference.blank(sizes[224]).shape == (8, 3, 224, 224)


def test_large_networks_have_small_batches() -> None:
    """Beyond 150 million parameters two images at a time on a CPU, so that filling up a batch of one costs little."""
    large = replace(INFO, parameters=150_000_001)
    assert inference.batch_size(large) == 2
    assert inference.batch_size(replace(large, runtime="openvino")) == 2
    assert inference.batch_size(replace(large, device="cuda")) == 32
    assert inference.batch_size(replace(large, parameters=150_000_000)) == 8


@pytest.mark.parametrize("images", [1, 7, 8, 9, 21])
def test_every_batch_has_the_same_number_of_images(images: int) -> None:
    """The last one is filled up with copies of its first image, whose logits nobody gets."""
    network = Narrow(100)
    assert np.array_equal(inference.logits(network, INFO, BATCH[:images]), BATCH[:images].mean(dim=(2, 3)).numpy())
    assert network.sizes == [8] * -(-images // 8)


class Attending(torch.nn.Module):
    """Patches, which attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = torch.nn.Conv2d(3, 64, 8, 8), torch.nn.Linear(64, 5)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(batch).flatten(2).transpose(1, 2)[:, None]
        attended: torch.Tensor = self.head(torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens))
        return attended.mean(dim=(1, 2))


def _network(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    if name == "attending":
        return Attending()
    convolutions = (torch.nn.Conv2d(3, 64, 3), torch.nn.Conv2d(64, 64, 3, 2), torch.nn.Conv2d(64, 64, 3, groups=64))
    head = (torch.nn.BatchNorm2d(64), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 5))
    return torch.nn.Sequential(*convolutions, *head)


def _assert_bits_are_an_images_own(network: str, precision: Precision, device: str) -> None:
    images = torch.rand(21, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    info = replace(INFO, device=device, precision=precision, input=replace(INPUT, crop=(32, 32)))
    classifier, other = (EagerClassifier(_network(network), precision, device) for _ in range(2))
    plain = inference.logits(classifier, info, images)
    for which in (range(21), range(20, -1, -1), range(7), [20], [3] * 21):
        some = list(which)
        for each in (classifier, other):
            assert np.array_equal(plain[some], inference.logits(each, info, images[some]))


@pytest.mark.parametrize("network", ["convolving", "attending"])
def test_bits_are_an_images_own(network: str) -> None:
    """Its neighbours, its place, the number of images, another run and another instance change nothing."""
    _assert_bits_are_an_images_own(network, "float32", "cpu")


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("network", ["convolving", "attending"])
def test_bits_on_a_gpu_are_an_images_own(network: str, precision: Precision, cuda: str) -> None:
    """As on a CPU."""
    _assert_bits_are_an_images_own(network, precision, cuda)


def test_a_batch_is_filled_up_with_real_images() -> None:
    """A network that checks its input sees nothing but images that it was given."""
    filled = inference._filled(BATCH[19:], 8)
    assert torch.equal(filled, torch.cat([BATCH[19:], *[BATCH[19:20]] * 6]))
    assert inference._filled(BATCH[:8], 8).data_ptr() == BATCH.data_ptr()


def test_equal_logits_measure_nothing() -> None:
    """A network with the same logits for all images has no scale, and no noise moves it."""
    assert agreement.sensitivity(Narrow(100), INFO, torch.zeros(2, 3, 4, 4)) == (0.0, 0.0)


def test_noise_is_measured_in_deviations() -> None:
    """A mean of 16 pixels moves by far less than they do, and by more than nothing."""
    images = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    std, sensitivity = agreement.sensitivity(Narrow(100), INFO, images)
    assert std == pytest.approx(float(images.mean(dim=(2, 3)).std(correction=0)))
    assert 1e-8 < sensitivity < 1e-5
