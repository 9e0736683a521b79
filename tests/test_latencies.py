"""imgcls.latency: what is timed is what is scored, and the clock waits for the device."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imgcls import asking, latency, models, runtimes
from imgcls.errors import ModelError
from imgcls.measures import Latency, Scenario
from imgcls.models import Model
from imgcls.records import Facts, InputSpec, LabelList, ModelSpec
from imgcls.runtimes.eager import EagerClassifier

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(8, (8, 8), "center", "bilinear", HALF, HALF)
FACTS = Facts("eager", "float32", "cpu", INPUT, None, "cd" * 32, 3, 1.0, 12)


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
    """A network on that device; ``waits``: whether its logits are there when it says so."""

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
    """A network each call of which takes so long by its own clock."""

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


class Forgetful(nn.Module):
    """Answers truly, and after some calls no longer."""

    def __init__(self, calls: int, drift: float) -> None:
        super().__init__()
        self.calls, self.drift = calls, drift

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.calls -= 1
        means = batch.mean(dim=(2, 3))
        return means if self.calls > 0 else means + self.drift * torch.tensor([1.0, 0.0, 0.0])


def _model(classifier: runtimes.Classifier) -> Model:
    return Model(ModelSpec("net", "python:x:y"), classifier, LabelList("x", ("a", "b", "c")), FACTS, {}, 0.0)


def _measured(
    paced: Paced, scenario: Scenario = "SingleStream", batch: int | None = None, seconds: float = 0.0
) -> Latency:
    return latency.measure(_model(paced), scenario, batch, seconds=seconds, clock=paced.clock)


def test_a_device_that_works_on_is_waited_for() -> None:
    """The time of a call is that of its work, not that of its launch."""
    fake = FakeDevice()
    seen = latency.measure(_model(OnFakeDevice(fake, waits=True)), "SingleStream", seconds=0.1, clock=fake.clock)
    assert set(seen.rounds_ns) == {10_010_000}
    assert seen.p99_ns == 10_010_000
    assert seen.images_per_second == pytest.approx(1e9 / 10_010_000)


def test_an_asynchronous_launch_without_synchronisation_is_caught() -> None:
    """Calls that return after 10 us while the device is busy for 10 ms have no latency of 10 us."""
    fake = FakeDevice()
    with pytest.raises(ModelError, match="an asynchronous launch was timed without synchronisation") as caught:
        latency.measure(_model(OnFakeDevice(fake, waits=False)), "SingleStream", seconds=0.1, clock=fake.clock)
    assert "returned after 0.010 ms, and the device worked on for 10.000 ms" in str(caught.value)


def test_it_is_caught_under_another_timer_too() -> None:
    """Whoever calls and times, the stopwatch is asked what the device did afterwards."""

    def timer(timed: latency.Timed, watch: latency.Stopwatch, rounds: int) -> list[int]:
        return [watch.time(timed) for _ in range(rounds)]

    fake = FakeDevice()
    model = _model(OnFakeDevice(fake, waits=False))
    with pytest.raises(ModelError, match="without synchronisation"):
        latency.measure(model, "SingleStream", seconds=0.1, timer=timer, clock=fake.clock)


def test_two_in_turn_are_caught_as_well() -> None:
    """A comparison of launches is none."""
    fake = FakeDevice()
    model = _model(OnFakeDevice(fake, waits=False))
    timed = [latency.Timed(model, latency.batches(model, 1)) for _ in range(2)]
    with pytest.raises(ModelError, match="without synchronisation"):
        latency.interleaved(timed[0], timed[1], 0.05, seconds=0.1, clock=fake.clock)


def test_answers_are_those_of_scoring() -> None:
    """A network that answers otherwise while it is timed is found out, and how far it is off is said."""
    with pytest.raises(ModelError, match="net: what was timed is not what is scored: logits of the same pictures are"):
        _measured(Paced(Forgetful(41, 1.0)))
    assert _measured(Paced(Forgetful(10**9, 1.0))).steady


def test_a_network_in_training_mode_is_found_out() -> None:
    """Dropout left on answers differently from call to call."""

    class Dropping(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(batch.flatten(1), 0.5, training=True)[:, :3]

    with pytest.raises(ModelError, match="a network that answers differently from call to call"):
        _measured(Paced(Dropping()))


def test_the_warm_up_ends_when_calls_are_no_longer_faster() -> None:
    """Windows of five: 100, 90, 80 ms, then steady; the typical time is the last one."""
    pace = iter([*[100] * 5, *[90] * 5, *[80] * 5, *[79] * 5, *[10] * 500])
    now = 0

    def clock() -> int:
        return now

    def call() -> None:
        nonlocal now
        now += next(pace) * 1_000_000

    assert latency.warm_up(call, latency.Stopwatch(lambda: None, clock)) == (True, 79_000_000)


def test_a_warm_up_that_never_ends_is_given_up() -> None:
    """Calls that always become faster are timed in the end, and not called steady."""
    now, step = 0.0, 1e9

    def clock() -> int:
        return int(now)

    def call() -> None:
        nonlocal now, step
        now, step = now + step, step * 0.99

    steady, _ = latency.warm_up(call, latency.Stopwatch(lambda: None, clock))
    assert not steady


@pytest.mark.parametrize(("step_ns", "seconds", "rounds"), [(10**6, 0.1, 100), (10**6, 60.0, 1000), (10**9, 5.0, 30)])
def test_rounds_fill_the_time_within_bounds(step_ns: int, seconds: float, rounds: int) -> None:
    """From 30, however slow the model, to 1000, however fast."""
    seen = _measured(Paced(Means(), step_ns), seconds=seconds)
    assert len(seen.rounds_ns) == rounds
    assert set(seen.rounds_ns) == {step_ns}


def test_scenarios_are_one_picture_and_as_many_as_scoring_asks_about() -> None:
    """And any other number where it is asked for; images per second count pictures."""
    single, offline = _measured(Paced(Means())), _measured(Paced(Means()), "Offline")
    three = _measured(Paced(Means()), "Offline", 3)
    assert [seen.conditions.batch for seen in (single, offline, three)] == [1, 32, 3]
    assert [round(seen.images_per_second) for seen in (single, offline, three)] == [1000, 32_000, 3000]


def test_large_pictures_are_asked_about_in_smaller_parts() -> None:
    """Eight of 224 x 224 and one of 480 x 480 stay in a CPU's caches, whichever path asks."""
    sizes = {side: replace(INPUT, crop=(side, side)) for side in (224, 480)}
    assert {side: asking.part_size(replace(FACTS, input=spec)) for side, spec in sizes.items()} == {224: 8, 480: 1}


def test_inputs_rotate() -> None:
    """No two of the sixteen inputs are equal, and a model is asked about all of them before one comes back."""
    model = _model(EagerClassifier(Means(), "float32", "cpu"))
    batches = latency.batches(model, 1)
    assert len({batch.numpy().tobytes() for batch in batches}) == latency.PICTURES
    timed = latency.Timed(model, batches)
    for _ in range(latency.PICTURES):
        timed()
    assert len(timed.answers) == latency.PICTURES
    eights = latency.batches(model, 8)
    assert {tuple(batch.shape) for batch in eights} == {(8, 3, 8, 8)}
    assert len({batch.numpy().tobytes() for batch in eights}) == len(eights) == 4


def test_the_generated_pictures_are_the_usual_photograph() -> None:
    """About as large as ImageNet's, all different, and the same in every process."""
    files = latency.pictures()
    assert len(set(files)) == latency.PICTURES
    assert all(50_000 < len(data) < 150_000 for data in files)
    assert hashlib.sha256(latency.pictures()[0]).digest() == hashlib.sha256(files[0]).digest()


def test_threads_are_fixed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else has set in the process does not count, and comes back afterwards."""
    seen: set[int] = set()

    class Noting(Means):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            seen.add(torch.get_num_threads())
            return super().forward(batch)

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = _measured(Paced(Noting()))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == {1}
    assert found.conditions.threads == 1


def test_a_real_network_is_measured() -> None:
    """Percentiles are in order, parts are above nothing, and what was asked is written down."""
    model = models.load(
        ModelSpec("resnet", "timm:test_resnet", "builtin:digits_resnet", options={"num_classes": 10}, labels="digits"),
        "cpu",
    )
    seen = latency.measure(model, "Offline", 4, seconds=0.0)
    assert 0 < seen.p50_ns <= seen.p90_ns <= seen.p95_ns <= seen.p99_ns <= max(seen.rounds_ns)
    assert min(seen.preprocess_ns, seen.copy_ns, seen.model_ns) > 0
    assert seen.device_p50_ns is None
    assert (seen.conditions.model, seen.conditions.batch, seen.conditions.device) == ("resnet", 4, "cpu")
    assert seen.conditions.gmacs is not None
    assert seen.conditions.parameters == sum(p.numel() for p in model.classifier.module.parameters())


def test_two_in_turn_see_the_same_drift() -> None:
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
    first, second = (latency.Timed(_model(paced), latency.batches(_model(paced), 1)) for paced in pair)
    seen = latency.interleaved(first, second, 0.05, clock=lambda: sum(paced.now_ns for paced in pair))
    assert (seen.ratio, seen.low, seen.high, seen.rounds) == (1.0, 1.0, 1.0, (40, 40))
    assert "".join(order).count("ABBA" * 20) == 1


def test_cuda_events_and_host_agree(cuda: str) -> None:
    """On a GPU the device's own clock sees no more than the host does, and a launch alone is caught."""
    spec = ModelSpec("resnet", "torchvision:resnet18", "random:0")
    model = models.load(spec, cuda)
    seen = latency.measure(model, "SingleStream", seconds=0.5)
    assert seen.device_p50_ns is not None
    assert seen.device_p50_ns <= seen.model_ns * 1.2
    assert seen.conditions.machine.gpu

    class Launching(EagerClassifier):
        def logits(self, batch: torch.Tensor) -> Any:
            self.forward(self.placed(batch))
            return np.zeros((len(batch), 1000), np.float32)

    launching = Launching(model.classifier.module, "float32", cuda)
    with pytest.raises(ModelError, match="without synchronisation"):
        latency.measure(replace(model, classifier=launching), "Offline", 64, seconds=0.5)
