"""A network is asked in parts that its memory can hold, and answers the same however they are cut."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from imgcls import asking
from imgcls.errors import OutOfMemory
from imgcls.records import Facts, InputSpec

INPUT = InputSpec(4, (4, 4), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
FACTS = Facts("eager", "float32", "cpu", INPUT, None, "cd" * 32, 3, 1.0, 12)
BATCH = torch.arange(21 * 3 * 4 * 4, dtype=torch.float32).reshape(21, 3, 4, 4)


@dataclass
class Narrow:
    """Answers with the means of the channels, and holds at most ``room`` pictures at once."""

    room: int
    largest: int | None = None
    concurrent: bool = False
    compile_seconds: float = 0.0
    module: Any = None
    asked: list[int] = field(default_factory=list)

    def placed(self, batch: Any) -> Any:
        return batch

    def forward(self, placed: Any) -> Any:
        self.asked.append(len(placed))
        if len(placed) > self.room:
            raise OutOfMemory(f"{len(placed)} pictures do not fit")
        return placed.mean(dim=(2, 3))

    def fetched(self, output: Any, pictures: int) -> Any:
        assert len(output) == pictures
        return output.numpy()

    def logits(self, batch: Any) -> Any:
        return self.fetched(self.forward(batch), len(batch))

    def synchronize(self) -> None: ...

    def device_ns(self, placed: Any) -> None: ...


@pytest.mark.parametrize("room", [1, 2, 3, 5, 8, 100])
def test_parts_are_halved_until_they_fit(room: int) -> None:
    """Whatever fits, every picture is answered once, in order, and a size that did not fit is not tried again."""
    narrow = Narrow(room)
    found = asking.logits(narrow, FACTS, BATCH)
    assert np.array_equal(found, BATCH.mean(dim=(2, 3)).numpy())
    refused = [size for size in narrow.asked if size > room]
    assert len(refused) == len(set(refused))
    before = len(narrow.asked)
    asking.logits(narrow, FACTS, BATCH)
    assert all(size <= room for size in narrow.asked[before:])


@pytest.mark.parametrize("where", ["placed", "fetched"])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_memory_may_run_out_anywhere(monkeypatch: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    """On the way to the device and back as well, parts are halved."""
    original = getattr(Narrow, where)

    def narrow(self: Narrow, batch: Any, *more: Any) -> Any:
        if len(batch) > 2:
            raise error
        return original(self, batch, *more)

    monkeypatch.setattr(Narrow, where, narrow)
    assert np.array_equal(asking.logits(Narrow(100), FACTS, BATCH), BATCH.mean(dim=(2, 3)).numpy())


def test_a_single_picture_that_does_not_fit_is_an_error() -> None:
    """There is nothing left to halve."""
    with pytest.raises(OutOfMemory, match="1 pictures do not fit"):
        asking.logits(Narrow(0), FACTS, BATCH)


def test_parts_are_of_so_many_pixels() -> None:
    """Eight of 224 x 224, one of 480 x 480, thirty-two at most."""
    sizes = {side: replace(FACTS, input=replace(FACTS.input, crop=(side, side))) for side in (32, 224, 480)}
    assert {side: asking.part_size(facts) for side, facts in sizes.items()} == {32: 32, 224: 8, 480: 1}
    assert asking.part_size(replace(sizes[224], runtime="openvino")) == 4
    assert asking.blank(sizes[224]).shape == (8, 3, 224, 224)


def test_equal_logits_measure_nothing() -> None:
    """A network that says the same of everything has no scale, and no noise moves it."""
    assert asking.measured(Narrow(100), FACTS, torch.zeros(2, 3, 4, 4)) == (0.0, 0.0)


def test_noise_is_measured_in_deviations() -> None:
    """A mean of 16 pixels moves by far less than they do, and by more than nothing."""
    pictures = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    std, sensitivity = asking.measured(Narrow(100), FACTS, pictures)
    assert std == pytest.approx(float(pictures.mean(dim=(2, 3)).std(correction=0)))
    assert 1e-8 < sensitivity < 1e-5
