"""Every picture goes all the way once, in order, and no faster than somebody takes the answers."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from imgcls import models, pipeline, preprocess, runtimes
from imgcls.errors import ModelError
from imgcls.pipeline import Lane, Part, Recipe
from imgcls.records import Facts, ImageRef, InputSpec, ModelSpec
from imgcls.runtimes.eager import EagerClassifier

INPUT = InputSpec(8, (8, 8), "center", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
FACTS = Facts("eager", "float32", "cpu", INPUT, None, "cd" * 32, 3, 1.0, 12)


class Means:
    """Answers with the means of the channels, and notes which threads ask, and how many at once."""

    compile_seconds = 0.0
    largest: int | None = None
    module: Any = None

    def __init__(self, *, concurrent: bool, error: str = "") -> None:
        self.concurrent, self.error = concurrent, error
        self.threads: set[int] = set()
        self.now, self.most = 0, 0
        self._lock = threading.Lock()
        self.meeting = threading.Barrier(2, timeout=10) if concurrent else None

    def placed(self, batch: Any) -> Any:
        return batch

    def forward(self, placed: Any) -> Any:
        with self._lock:
            self.threads.add(threading.get_ident())
            self.now += 1
            self.most = max(self.most, self.now)
        if self.meeting:
            self.meeting.wait()
        with self._lock:
            self.now -= 1
        if self.error:
            raise ModelError(self.error)
        return placed.mean(dim=(2, 3))

    def fetched(self, output: Any, pictures: int) -> Any:
        assert len(output) == pictures
        return np.asarray(output, np.float32)

    def logits(self, batch: Any) -> Any:
        return self.fetched(self.forward(batch), len(batch))

    def synchronize(self) -> None: ...

    def device_ns(self, placed: Any) -> None: ...


def _lane(classifier: runtimes.Classifier, images: Sequence[ImageRef], name: str = "net") -> Lane:
    return Lane(name, Recipe(INPUT, "exact"), FACTS, classifier, frozenset(image.sha256 for image in images))


@pytest.fixture
def images(tmp_path: Path) -> list[ImageRef]:
    """Forty-three pictures, each of a red of its own."""
    found = []
    for number in range(43):
        file = tmp_path / f"{number:02}.png"
        Image.new("RGB", (9, 12), (5 * number, 0, 255)).save(file)
        found.append(ImageRef(file.name, file, hashlib.sha256(file.read_bytes()).hexdigest(), None))
    return found


def _reds(parts: Iterator[Part], name: str = "net") -> list[tuple[str, int]]:
    """The pictures that were answered, and the red that was seen."""
    return [
        (image.path, round(255 * dict(answer.top)[0])) for part in parts for image, answer in part.answers.get(name, [])
    ]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pictures", [0, 1, 7, 8, 9, 43])
def test_every_picture_is_answered_once_and_in_order(
    images: list[ImageRef], monkeypatch: pytest.MonkeyPatch, threads: int, pictures: int
) -> None:
    """However many threads there are, and however few pictures."""
    monkeypatch.setattr(pipeline, "threads", lambda: threads)
    lane = _lane(Means(concurrent=False), images)
    found = _reds(pipeline.answered(images[:pictures], [lane], "ignore"))
    assert found == [(image.path, 5 * number) for number, image in enumerate(images[:pictures])]


def test_one_asks_at_a_time_unless_many_may(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is not known to bear it is asked by one and the same thread, whoever decodes."""
    monkeypatch.setattr(pipeline, "threads", lambda: 2)
    alone, together = Means(concurrent=False), Means(concurrent=True)
    lanes = [_lane(alone, images, "alone"), _lane(together, images, "together")]
    assert len(list(pipeline.answered(images[:32], lanes, "ignore"))) == 4
    assert (len(alone.threads), alone.most) == (1, 1)
    assert (len(together.threads), together.most) == (2, 2)
    assert not alone.threads & together.threads


def test_a_gpu_answers_as_the_cpu(images: list[ImageRef], cuda: str) -> None:
    """From files to logits, rounding aside."""
    spec = ModelSpec("net", "torchvision:squeezenet1_1", "random:0")
    assert _answers(spec, cuda, images) == pytest.approx(_answers(spec, "cpu", images), abs=5e-3)


def _answers(spec: ModelSpec, device: str, images: Sequence[ImageRef]) -> dict[str, float]:
    """Of every picture the best logit and the sum over all classes."""
    model = models.load(spec, device)
    lane = replace(_lane(model.classifier, images), recipe=Recipe(model.facts.input, "exact"), facts=model.facts)
    answers = [pair for part in pipeline.answered(images, [lane], "ignore") for pair in part.answers["net"]]
    best = {f"best of {image.path}": answer.top[0][1] for image, answer in answers}
    return best | {f"sum of {image.path}": answer.logsumexp for image, answer in answers}


def test_a_network_that_works_in_place_spoils_nothing_for_the_next(images: list[ImageRef]) -> None:
    """Each has a copy of its own, also where the batch already is as it wants it."""

    class Emptying(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch.zero_().mean(dim=(2, 3))

    batch = torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)
    EagerClassifier(Emptying(), "float32", "cpu").logits(batch)
    assert batch.eq(1).all()
    lanes = [
        _lane(EagerClassifier(Emptying(), "float32", "cpu"), images, "first"),
        _lane(Means(concurrent=False), images),
    ]
    assert [red for _, red in _reds(pipeline.answered(images, lanes, "ignore"))] == [5 * n for n in range(43)]


@pytest.mark.parametrize("error", [MemoryError("full"), torch.AcceleratorError("CUDA error: full")])
def test_what_goes_wrong_beside_the_network_is_the_machines(
    images: list[ImageRef], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Also after it has answered."""

    def failing(*_: Any) -> None:
        raise error

    monkeypatch.setattr(preprocess, "fingerprint", failing)
    [part] = pipeline.answered(images[:1], [_lane(Means(concurrent=False), images)], "ignore")
    assert str(part.failures["net"]).startswith("1 pictures could not be prepared for the networks: ")


def test_a_model_that_fails_does_not_stop_the_others(images: list[ImageRef]) -> None:
    """Its error is in the part; the other's answers are there."""
    lanes = [_lane(Means(concurrent=False, error="ill"), images, "ill"), _lane(Means(concurrent=False), images, "well")]
    parts = list(pipeline.answered(images, lanes, "ignore"))
    assert {str(part.failures["ill"]) for part in parts} == {"ill"}
    assert len(_reds(iter(parts), "well")) == 43
    assert not any("ill" in part.answers for part in parts)


def test_a_stopped_model_is_asked_no_more(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once somebody has seen it fail."""
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    lane = _lane(Means(concurrent=False, error="ill"), images)
    asked = 0
    for part in pipeline.answered(images, [lane], "ignore"):
        asked += "net" in part.seconds
        lane.stopped = True
    assert asked < 6


def test_only_what_is_missing_is_asked_about(images: list[ImageRef]) -> None:
    """A model that has answers for some pictures is not asked about those."""
    lane = _lane(Means(concurrent=False), images[10:20])
    assert [path for path, _ in _reds(pipeline.answered(images, [lane], "ignore"))] == [i.path for i in images[10:20]]


def test_nobody_runs_ahead(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody takes an answer at most two parts for each thread are begun, so that memory does not grow."""
    submitted: list[object] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, work: Any, /, *asked: Any, **named: Any) -> Any:
            submitted.append(asked)
            return super().submit(work, *asked, **named)

    monkeypatch.setattr(pipeline, "ThreadPoolExecutor", Counting)
    monkeypatch.setattr(pipeline, "threads", lambda: 2)
    monkeypatch.setattr(pipeline, "PART", {"cpu": 1})
    fast = Means(concurrent=True)
    fast.meeting = None
    parts = pipeline.answered(images, [_lane(fast, images)], "ignore")
    for taken in range(1, 11):
        next(parts)
        assert len(submitted) == taken + 4


def test_seconds_are_the_networks_own(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is clocked is forward and back, not the turn that somebody waits for."""
    clock = count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(pipeline, "threads", lambda: 1)
    [part] = pipeline.answered(images[:8], [_lane(Means(concurrent=False), images)], "ignore")
    assert (part.decode_seconds, part.seconds) == (1.0, {"net": 1.0})


def test_memory_that_runs_out_is_the_machines(images: list[ImageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback of a thread."""

    def full(*_: Any) -> None:
        raise MemoryError("Unable to allocate 4 GiB")

    monkeypatch.setattr(preprocess, "normalize", full)
    parts = list(pipeline.answered(images[:1], [_lane(Means(concurrent=False), images)], "ignore"))
    said = "1 pictures could not be prepared for the networks: Unable to allocate 4 GiB"
    assert str(parts[0].failures["net"]) == said


def test_what_does_not_decode_is_told_with_whose_fault_it_is(images: list[ImageRef]) -> None:
    """Broken bytes are so for good; a file that is gone may come back."""
    images[3].file.unlink()
    broken = images[5].file
    broken.write_bytes(b"no picture")
    images[5] = ImageRef("broken", broken, hashlib.sha256(b"no picture").hexdigest(), None)
    parts = list(pipeline.answered(images, [_lane(Means(concurrent=False), images)], "ignore"))
    rejected = [(bad.image.path, bad.reason, bad.lasting) for part in parts for bad in part.rejected]
    assert rejected == [("03.png", "missing", False), ("broken", "not_an_image", True)]
    assert len(_reds(iter(parts))) == 41
