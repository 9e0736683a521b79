"""imgcls.performance.latency: what is timed is what is scored, and the clock waits for the device."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imgcls.errors import ModelError, OutOfMemory
from imgcls.models import inference, loader
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.performance import latency, stopwatch
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo
from imgcls.records.performance import Latency, Scenario

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(8, (8, 8), "center", "bilinear", HALF, HALF)
INFO = ModelInfo("eager", "float32", "cpu", INPUT, None, "cd" * 32, 3, 1.0, 12)


class FakeDevice:
    """A clock, and a device that works on its own: launching takes 10 us, and the work 10 ms."""

    def __init__(self) -> None:
        self.now_ns = self.done_ns = 0

    def clock(self) -> int:
        return self.now_ns

    def launch(self) -> None:
        self.now_ns += 10_000
        self.done_ns = max(self.now_ns, self.done_ns) + 10_000_000

    def synchronize(self) -> None:
        self.now_ns = max(self.now_ns, self.done_ns)


class OnFakeDevice(EagerClassifier):
    """A network on that device; ``waits``: whether a call returns only when its logits are there."""

    def __init__(self, device: FakeDevice, *, waits: bool) -> None:
        super().__init__(Means(), "float32", "cpu")
        self.fake, self.waits = device, waits

    def logits(self, batch: torch.Tensor) -> Any:
        self.fake.launch()
        if self.waits:
            self.fake.synchronize()
        return super().logits(batch)

    def synchronize(self) -> None:
        self.fake.synchronize()


class Paced(EagerClassifier):
    """A network each call of which takes ``step_ns`` by its own clock."""

    def __init__(self, module: nn.Module, step_ns: int = 1_000_000) -> None:
        super().__init__(module, "float32", "cpu")
        self.step_ns, self.now_ns = step_ns, 0

    def logits(self, batch: torch.Tensor) -> Any:
        self.now_ns += self.step_ns
        return super().logits(batch)

    def clock(self) -> int:
        return self.now_ns


class Means(nn.Module):
    """Its logits are the mean of each channel."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3))


class Drifting(nn.Module):
    """Its logits are the mean of each channel, and after some calls they are others."""

    def __init__(self, calls: int, drift: float) -> None:
        super().__init__()
        self.calls, self.drift = calls, drift

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.calls -= 1
        means = batch.mean(dim=(2, 3))
        return means if self.calls > 0 else means + self.drift * torch.tensor([1.0, 0.0, 0.0])


def _model(classifier: runtimes.Classifier) -> Model:
    return Model(ModelSpec("net", "python:x:y"), lambda: classifier, LabelList("x", ("a", "b", "c")), INFO, {}, 0.0)


def _measured(
    paced: Paced, scenario: Scenario = "SingleStream", batch: int | None = None, seconds: float = 0.0
) -> Latency:
    return latency.measure(_model(paced), scenario, batch, seconds=seconds, clock=paced.clock)


def test_a_device_that_works_on_is_waited_for() -> None:
    """The time of a call is that of its work, not that of its launch."""
    fake = FakeDevice()
    measured = latency.measure(_model(OnFakeDevice(fake, waits=True)), "SingleStream", seconds=0.1, clock=fake.clock)
    assert set(measured.rounds_ns) == {10_010_000}
    assert measured.p99_ns == 10_010_000
    assert measured.images_per_second == pytest.approx(1e9 / 10_010_000)


def test_offline_takes_what_scoring_takes() -> None:
    """As many images as fitted into memory, where scoring has halved its batches."""
    paced = Paced(Means())
    paced.max_batch_size = 2
    assert _measured(paced, "Offline").conditions.batch == 2


def test_a_batch_that_does_not_fit_is_halved_as_scoring_does_it() -> None:
    """Offline takes the number of images that fits, and a number that was requested is an error."""

    class Small(Means):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            if len(batch) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(batch)

    assert _measured(Paced(Small()), "Offline").conditions.batch == 2
    with pytest.raises(OutOfMemory, match="Small does not fit into memory with 5 images"):
        _measured(Paced(Small()), "Offline", 5)


def test_an_asynchronous_launch_without_synchronisation_is_caught() -> None:
    """Calls that return after 10 us while the device is busy for 10 ms have no latency of 10 us."""
    fake = FakeDevice()
    with pytest.raises(ModelError, match="an asynchronous launch was timed without synchronisation") as caught:
        latency.measure(_model(OnFakeDevice(fake, waits=False)), "SingleStream", seconds=0.1, clock=fake.clock)
    assert "returned after 0.010 ms, and the device worked on for 10.000 ms" in str(caught.value)


def test_an_asynchronous_launch_is_caught_under_another_timer_too() -> None:
    """Whatever calls and times, the stopwatch notes what the device did afterwards."""

    def timer(timed: stopwatch.Timed, watch: stopwatch.Stopwatch, rounds: stopwatch.Rounds) -> list[int]:
        return [watch.time(timed) for _ in range(rounds.fewest)]

    fake = FakeDevice()
    model = _model(OnFakeDevice(fake, waits=False))
    with pytest.raises(ModelError, match="without synchronisation"):
        latency.measure(model, "SingleStream", seconds=0.1, timer=timer, clock=fake.clock)


def test_an_asynchronous_launch_is_caught_in_a_comparison_too() -> None:
    """Two models that are run in turn are checked like one."""
    fake = FakeDevice()
    model = _model(OnFakeDevice(fake, waits=False))
    timed = [stopwatch.Timed(model, latency.batches(model, 1)) for _ in range(2)]
    with pytest.raises(ModelError, match="without synchronisation"):
        latency.interleaved(timed[0], timed[1], 0.05, seconds=0.1, clock=fake.clock)


def test_outputs_are_those_of_scoring() -> None:
    """A network whose output differs while it is timed is an error, with the distance."""
    with pytest.raises(ModelError, match="net: what was timed is not what is scored: logits of the same images are"):
        _measured(Paced(Drifting(41, 1.0)))
    assert _measured(Paced(Drifting(10**9, 1.0))).steady


def test_a_network_in_training_mode_is_caught() -> None:
    """With dropout left on, the output differs from call to call."""

    class Dropping(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(batch.flatten(1), 0.5, training=True)[:, :3]

    with pytest.raises(ModelError, match="a network whose output differs from call to call"):
        _measured(Paced(Dropping()))


@pytest.mark.parametrize(("step_ns", "seconds", "rounds"), [(10**6, 0.1, 100), (10**6, 60.0, 1000), (10**9, 5.0, 30)])
def test_rounds_fill_the_time_within_bounds(step_ns: int, seconds: float, rounds: int) -> None:
    """From 30, however slow the model, to 1000, however fast."""
    measured = _measured(Paced(Means(), step_ns), seconds=seconds)
    assert len(measured.rounds_ns) == rounds
    assert set(measured.rounds_ns) == {step_ns}


class Busy(EagerClassifier):
    """A network on a machine with other work, by its own clock: its calls take the seconds that are listed, the last
    of them from then on.
    """

    def __init__(self, *seconds: float) -> None:
        super().__init__(Means(), "float32", "cpu")
        self.pace, self.now_s = list(seconds), 0.0

    def forward(self, batch: torch.Tensor) -> Any:
        self.now_s += self.pace.pop(0) if len(self.pace) > 1 else self.pace[0]
        return super().forward(batch)

    def clock(self) -> int:
        return round(self.now_s * 1e9)


@pytest.mark.parametrize(
    ("pace", "at_most_s", "rounds"),
    [
        ((0.05,), 9, 100),
        ((*[0.05] * 12, 1.0), 50, 30),
        ((1.2,), 60, 28),
        ((*[0.05] * 12, 3.0), 66, 17),
        ((9.0,), 60 + 4 * 9, 3),
        ((100.0,), 5 * 100, 1),
    ],
)
def test_a_timing_has_a_budget(pace: tuple[float, ...], at_most_s: float, rounds: int) -> None:
    """60 s in all, and a call of each kind at least; a machine that becomes busy ends it after fewer rounds."""
    busy = Busy(*pace)
    measured = latency.measure(_model(busy), "SingleStream", clock=busy.clock)
    assert len(measured.rounds_ns) == rounds
    assert measured.cut_short is (rounds < latency.MIN_ROUNDS)
    assert busy.now_s <= at_most_s


def test_more_seconds_are_a_larger_budget() -> None:
    """Twice as many as are asked for, so that a slow model can be timed, too."""
    busy = Busy(2.0)
    measured = latency.measure(_model(busy), "SingleStream", seconds=70, clock=busy.clock)
    assert (len(measured.rounds_ns), measured.cut_short, measured.steady) == (35, False, True)
    assert busy.now_s <= 140


def test_a_comparison_in_turn_has_a_budget() -> None:
    """30 s in all, however long a call takes, and the fewest rounds that can be compared."""
    for seconds, rounds, at_most_s in ((0.4, 24, 31), (2.0, 6, 44)):
        pair = [Busy(seconds), Busy(seconds)]
        pair[1].module = Drifting(10**9, 0.0)
        first, second = (stopwatch.Timed(_model(busy), latency.batches(_model(busy), 1)) for busy in pair)
        clock = lambda pair=pair: sum(busy.clock() for busy in pair)  # noqa: E731 - the sum of two clocks
        change = latency.interleaved(first, second, 1e-9, clock=clock)
        assert change.rounds[0] == change.rounds[1]
        assert (change.rounds[0], sum(busy.now_s for busy in pair) <= at_most_s) == (rounds, True)


def test_what_is_being_done_is_stated() -> None:
    """From the warm-up to the check, with the model, the device and the work."""
    said: list[str] = []
    paced = Paced(Means())
    latency.measure(_model(paced), "Offline", seconds=0.0, clock=paced.clock, say=said.append)
    title = "net on cpu, Offline, batch 8: "
    assert [line.removeprefix(title).partition(" ")[0] for line in dict.fromkeys(said)] == [
        "warming", *["round"] * 31, "timing", "comparing",
    ]  # fmt: skip
    assert f"{title}round 12 of up to 30" in said


def test_blocks_of_rounds_are_kept() -> None:
    """Twenty medians, from which two latencies are compared without their rounds."""
    measured = _measured(Paced(Means()), seconds=0.1)
    assert measured.blocks_ns == (1_000_000,) * 20


def test_scenarios_are_one_image_and_as_many_as_scoring_takes_at_once() -> None:
    """Or any other number that is requested; images per second count images."""
    single, offline = _measured(Paced(Means())), _measured(Paced(Means()), "Offline")
    three = _measured(Paced(Means()), "Offline", 3)
    assert [latency.conditions.batch for latency in (single, offline, three)] == [1, 8, 3]
    assert [round(latency.images_per_second) for latency in (single, offline, three)] == [1000, 8000, 3000]


def test_large_images_have_smaller_batches() -> None:
    """Eight images of 224 x 224 and one of 480 x 480 stay in a CPU's caches, when scored as when timed."""
    sizes = {side: replace(INPUT, crop=(side, side)) for side in (224, 480)}
    assert {side: inference.batch_size(replace(INFO, input=spec)) for side, spec in sizes.items()} == {224: 8, 480: 1}


def test_inputs_rotate() -> None:
    """No two of the sixteen inputs are equal, and a model is given all of them before one comes back."""
    model = _model(EagerClassifier(Means(), "float32", "cpu"))
    batches = latency.batches(model, 1)
    assert len({batch.numpy().tobytes() for batch in batches}) == latency.IMAGES
    timed = stopwatch.Timed(model, batches)
    for _ in range(latency.IMAGES):
        timed()
    assert len(timed.outputs) == latency.IMAGES
    eights = latency.batches(model, 8)
    assert {tuple(batch.shape) for batch in eights} == {(8, 3, 8, 8)}
    assert len({batch.numpy().tobytes() for batch in eights}) == len(eights) == 4


def test_the_generated_images_are_like_usual_photographs() -> None:
    """They are about as large as ImageNet's, all different, and the same in every process."""
    files = latency.images()
    assert len(set(files)) == latency.IMAGES
    assert all(50_000 < len(data) < 150_000 for data in files)
    assert hashlib.sha256(latency.images()[0]).digest() == hashlib.sha256(files[0]).digest()


def test_threads_are_fixed_while_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of threads that was set before does not count, and comes back afterwards."""
    threads: set[int] = set()

    class Noting(Means):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            threads.add(torch.get_num_threads())
            return super().forward(batch)

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        measured = _measured(Paced(Noting()))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == {1}
    assert measured.conditions.threads == 1


def test_a_real_network_is_measured() -> None:
    """Percentiles are in order, parts take some time, and the conditions are those that were requested."""
    model = loader.load(
        ModelSpec("resnet", "timm:test_resnet", "builtin:digits_resnet", options={"num_classes": 10}, labels="digits"),
        "cpu",
    )
    measured = latency.measure(model, "Offline", 4, seconds=0.0)
    p50, p90, p95, p99 = measured.p50_ns, measured.p90_ns, measured.p95_ns, measured.p99_ns
    assert 0 < p50 <= p90 <= p95 <= p99 <= max(measured.rounds_ns)
    assert min(measured.preprocess_ns, measured.copy_ns, measured.model_ns) > 0
    assert measured.device_p50_ns is None
    conditions = measured.conditions
    assert (conditions.model, conditions.batch, conditions.device) == ("resnet", 4, "cpu")
    assert conditions.gmacs is not None
    assert conditions.parameters == sum(p.numel() for p in model.classifier.module.parameters())


def test_two_in_turn_have_the_same_drift() -> None:
    """Rounds of both sides alternate, A B B A, on one clock, until the interval is narrow."""
    order: list[str] = []

    class Named(Means):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            order.append(self.name)
            return super().forward(batch)

    pair = [Paced(Named(name)) for name in "AB"]
    first, second = (stopwatch.Timed(_model(paced), latency.batches(_model(paced), 1)) for paced in pair)
    change = latency.interleaved(first, second, 0.05, clock=lambda: sum(paced.now_ns for paced in pair))
    assert (change.ratio, change.low, change.high, change.rounds) == (1.0, 1.0, 1.0, (40, 40))
    assert "".join(order).count("ABBA" * 20) == 1


def test_cuda_events_and_host_agree(cuda: str) -> None:
    """On a GPU the device's own clock counts no more than the host's, and a mere launch is caught."""
    spec = ModelSpec("resnet", "torchvision:resnet18", "random:0")
    model = loader.load(spec, cuda)
    measured = latency.measure(model, "SingleStream", seconds=0.5)
    assert measured.device_p50_ns is not None
    assert measured.device_p50_ns <= measured.model_ns * 1.2
    assert measured.conditions.machine.gpu

    class Launching(EagerClassifier):
        def logits(self, batch: torch.Tensor) -> Any:
            self.forward(self.to_device(batch))
            return np.zeros((len(batch), 1000), np.float32)

    launching = Launching(model.classifier.module, "float32", cuda)
    with pytest.raises(ModelError, match="without synchronisation"):
        latency.measure(replace(model, load=lambda: launching), "Offline", 64, seconds=0.5)
