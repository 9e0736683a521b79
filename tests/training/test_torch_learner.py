"""The PyTorch learner: every setting does what it states, and a state is the whole state."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from imgcls.errors import MachineError, ModelError
from imgcls.models.runtimes.eager import exact_float32
from imgcls.training import checkpoints
from imgcls.training.config import TrainingConfig
from imgcls.training.learner import Learner
from imgcls.training.torch_learner import TorchLearner

CONFIG = TrainingConfig(1, label_smoothing=0.0, weight_decay=0.0)
RATE = 0.01
BATCH = np.random.default_rng(0).normal(size=(6, 3, 8, 8)).astype(np.float32)
TARGETS = np.array([0, 1, 2, 0, 0, 1])


class Net(nn.Module):
    """A convolution, a batch norm, dropout and a head of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.drop(self.norm(self.conv(x)).relu().mean((2, 3))))


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def _learner(network: nn.Module | None = None, **changes: Any) -> TorchLearner:
    weights = changes.pop("class_weights", None)
    new_layers = changes.pop("new_layers", ())
    return TorchLearner(network or Net(), replace(CONFIG, **changes), weights, new_layers)


def _trained(learner: Learner, steps: int = 1) -> dict[str, Any]:
    for _ in range(steps):
        learner.train_step(BATCH, TARGETS, RATE)
    return {name: value.clone() for name, value in learner.weights().items()}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())


@pytest.mark.parametrize(
    ("network", "changes", "momentum"),
    [
        (Net(), {}, 0.1),
        (nn.Sequential(nn.BatchNorm2d(3, momentum=0.01), nn.BatchNorm2d(3)), {}, 0.01),
        (nn.Sequential(nn.BatchNorm2d(3, momentum=None), nn.BatchNorm2d(3, track_running_stats=False)), {}, None),
        (nn.Sequential(nn.LayerNorm(3)), {}, None),
        (Net(), {"freeze_batch_norm": True}, None),
    ],
    ids=["PyTorch's", "the slowest", "without a momentum", "without batch norm", "frozen"],
)
def test_how_fast_running_statistics_follow(
    network: nn.Module, changes: dict[str, Any], momentum: float | None
) -> None:
    """The smallest momentum of the batch norms whose running statistics a validation uses."""
    assert _learner(network, **changes).norm_momentum() == momentum


# What is computed.


def test_the_loss_is_cross_entropy() -> None:
    """Loss and logits are those before the step, smoothed and weighted as torch does."""
    network = Net()
    network.drop.p = 0.0
    expected = copy.deepcopy(network).train()(torch.from_numpy(BATCH))
    learner = _learner(network, label_smoothing=0.1, class_weights=[1.0, 2.0, 3.0])
    loss, logits = learner.train_step(BATCH, TARGETS, RATE)
    assert np.allclose(logits, expected.detach().numpy(), atol=1e-6)
    weight = torch.tensor([1.0, 2.0, 3.0])
    entropy = nn.functional.cross_entropy(expected, torch.from_numpy(TARGETS), weight, label_smoothing=0.1)
    assert loss == pytest.approx(entropy.item(), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("nadam", torch.optim.NAdam, {"decoupled_weight_decay": True}),
        ("adamw", torch.optim.AdamW, {}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9}),
    ],
)
def test_a_step_is_torchs_own(name: str, kind: Any, settings: dict[str, Any]) -> None:
    """Three steps are bit for bit those of the optimizer by that name, with decay only on filters and matrices."""
    network = Net()
    network.drop.p = 0.0
    expected_network = copy.deepcopy(network).to(memory_format=torch.channels_last).train()
    groups = [
        {"params": [expected_network.conv.weight, expected_network.head.weight], "weight_decay": 0.1},
        {
            "params": [
                expected_network.conv.bias,
                expected_network.norm.weight,
                expected_network.norm.bias,
                expected_network.head.bias,
            ],
            "weight_decay": 0.0,
        },
    ]
    optimizer = kind(groups, RATE, **settings)
    batch = torch.from_numpy(BATCH).to(memory_format=torch.channels_last)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(expected_network(batch), torch.from_numpy(TARGETS)).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
    trained = _trained(_learner(network, optimizer=name, weight_decay=0.1), 3)
    assert _same(trained, dict(expected_network.state_dict()))


def test_the_rate_is_the_steps() -> None:
    """At the rate 0 nothing moves but the statistics of batch norm."""
    learner = _learner()
    before = {name: value.clone() for name, value in learner.weights().items()}
    learner.train_step(BATCH, TARGETS, 0.0)
    moved = {name for name, value in learner.weights().items() if not torch.equal(value, before[name])}
    assert moved == {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}


def test_new_layers_learn_faster() -> None:
    """The first step of Adam is as long as the rate; ten times that for a layer that began anew."""
    learner = _learner(optimizer="adamw", new_layers=("head",))
    before = {name: value.clone() for name, value in learner.weights().items()}
    after = _trained(learner)
    assert (after["head.bias"] - before["head.bias"]).abs().max() == pytest.approx(10 * RATE, rel=1e-3)
    assert (after["norm.bias"] - before["norm.bias"]).abs().max() == pytest.approx(RATE, rel=1e-3)


def test_frozen_batch_norms_keep_their_statistics() -> None:
    """They use and keep the statistics that they have, while their scale and shift are trained."""
    network = Net()
    network.drop.p = 0.0
    network.norm.running_var.fill_(4.0)  # type: ignore[union-attr]  # it tracks its statistics
    expected = copy.deepcopy(network).eval()(torch.from_numpy(BATCH))
    learner = _learner(network, freeze_batch_norm=True)
    _, logits = learner.train_step(BATCH, TARGETS, RATE)
    assert np.allclose(logits, expected.detach().numpy(), atol=1e-6)
    state = learner.weights()
    assert torch.equal(state["norm.running_var"], torch.full((4,), 4.0))
    assert not torch.equal(state["norm.weight"], torch.ones(4))


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_gradients_are_clipped_together(precision: str) -> None:
    """With SGD, the first step is as long as the norm allowed times the rate, whatever gradients were scaled by."""
    learner = _learner(optimizer="sgd", clip_norm=0.01, precision=precision)
    before = torch.cat([p.detach().flatten().clone() for p in learner.network.parameters()])
    _trained(learner)
    after = torch.cat([p.detach().flatten() for p in learner.network.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.01 * RATE, rel=1e-3)


def test_averaged_weights_are_kept_and_predict() -> None:
    """The average follows the rule step by step, is what is kept, and is what predicts."""
    learner = _learner(ema=0.9)
    average = learner.network.head.weight.detach().clone()  # type: ignore[union-attr, operator]  # a linear layer
    for step in range(1, 4):
        learner.train_step(BATCH, TARGETS, RATE)
        decay = min(0.9, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * learner.network.head.weight.detach()  # type: ignore[union-attr, operator]  # as above
    weights = learner.weights()
    assert torch.allclose(weights["head.weight"], average, atol=1e-6)
    assert not torch.equal(weights["head.weight"], learner.network.state_dict()["head.weight"])
    assert weights["norm.num_batches_tracked"] == 3
    expected_network = Net().eval()
    expected_network.load_state_dict(weights)
    assert np.allclose(learner.predict(BATCH), expected_network(torch.from_numpy(BATCH)).detach().numpy(), atol=1e-6)


def test_predicting_changes_nothing() -> None:
    """Predictions are those of evaluation mode, in any split of the batch, and no step depends on them."""
    without, with_predictions = _learner(ema=0.5), _learner(ema=0.5)
    with_predictions.restore(without.state())
    whole = with_predictions.predict(BATCH)
    parts = [with_predictions.predict(BATCH[:2]), with_predictions.predict(BATCH[2:])]
    assert np.allclose(np.concatenate(parts), whole, atol=1e-6)
    assert _same(_trained(without, 2), _trained(with_predictions, 2))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains(precision: Any) -> None:
    """Weights stay float32 and move almost as those of float32 do; predictions are float32's."""
    full, mixed = _learner(), _learner(precision=precision)
    mixed.restore({**full.state(), "scaler": mixed.state()["scaler"]})
    assert np.array_equal(full.predict(BATCH), mixed.predict(BATCH))
    one, other = _trained(full, 3), _trained(mixed, 3)
    assert {value.dtype for value in other.values()} == {torch.float32, torch.int64}
    assert not _same(one, other)
    assert all(torch.allclose(one[name].float(), other[name].float(), atol=0.05) for name in one)


# A state is the whole state.


@pytest.mark.parametrize("optimizer", ["nadam", "adamw", "sgd"])
@pytest.mark.parametrize("changes", [{}, {"ema": 0.99, "precision": "float16", "clip_norm": 1.0}])
def test_a_restored_learner_continues_bit_for_bit(optimizer: str, changes: dict[str, Any], tmp_path: Any) -> None:
    """After two steps through a file, the next two give the same bytes, dropout and momentum included."""
    whole, halfway = _learner(optimizer=optimizer, **changes), _learner(optimizer=optimizer, **changes)
    halfway.restore(whole.state())
    expected = _trained(whole, 4)
    _trained(halfway, 2)
    torch.save(halfway.state(), tmp_path / "state.pt")
    torch.rand(7)  # whatever else draws from the generator in between
    other = _learner(optimizer=optimizer, **changes)
    other.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    assert _same(_trained(other, 2), expected)
    assert whole.state()["optimizer"]["state"].keys() == other.state()["optimizer"]["state"].keys()


def test_a_resumed_gpu_does_not_wait_for_nadams_momenta(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are on the host, as those of a training that was not resumed, and moments are on the device."""
    stored = _learner(optimizer="nadam")
    _trained(stored)
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            network = Net()
        monkeypatch.setattr(network, "to", lambda *_, **__: network)
        resumed = _learner(network, optimizer="nadam", device="cuda")
        resumed.restore(stored.state())
    kinds = {(name, value.device.type) for of in resumed.optimizer.state.values() for name, value in of.items()}
    assert kinds == {("step", "cpu"), ("mu_product", "cpu"), ("exp_avg", "cuda"), ("exp_avg_sq", "cuda")}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_checkpoint_of_a_gpu_goes_on_anywhere(cuda: str, precision: Any, tmp_path: Path) -> None:
    """What was trained on a GPU predicts the same there and on the CPU after it has been through a file."""
    with exact_float32():
        trained = _learner(device=cuda, precision=precision, ema=0.9)
        losses = [trained.train_step(BATCH, TARGETS, RATE)[0] for _ in range(3)]
        assert np.isfinite(losses).all()
        checkpoints.save(tmp_path, trained.state())
        for device in (cuda, "cpu"):
            other = _learner(device=device, precision=precision, ema=0.9)
            other.restore(checkpoints.load(tmp_path))
            assert np.allclose(other.predict(BATCH), trained.predict(BATCH), atol=1e-4)
            assert np.isfinite(other.train_step(BATCH, TARGETS, RATE)[0])


def test_dropout_follows_the_seed() -> None:
    """Another seed drops other numbers."""
    first = _learner()
    second = _learner(seed=1)
    second.restore(first.state())
    assert not _same(_trained(first), _trained(second))


# What goes wrong.


class Greedy(nn.Linear):
    """A layer that needs more memory than there is."""

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return torch.empty(1 << 50)


class Twofold(Net):
    """A network that returns two tensors."""

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x), x


def test_out_of_memory_is_a_machine_error() -> None:
    """Where memory runs out, one line states the shape of the batch and what to try."""
    with pytest.raises(
        MachineError, match=r"out of memory with a batch of shape \(6, 3, 8, 8\): .*half the --batch-size"
    ):
        _learner(Greedy(1, 3)).train_step(BATCH, TARGETS, RATE)


def test_a_size_that_the_network_does_not_take() -> None:
    """A size that does not fit the network is reported with the shape of the batch."""
    with pytest.raises(ModelError, match=r"does not take a batch of shape \(6, 3, 2, 2\): .*img_size"):
        _learner().train_step(BATCH[..., :2, :2], TARGETS, RATE)


def test_an_output_that_is_not_a_tensor() -> None:
    """Auxiliary heads are refused with the option that switches them off."""
    with pytest.raises(ModelError, match=r"returns tuple .*, not one tensor .* aux_logits=false"):
        _learner(Twofold()).train_step(BATCH, TARGETS, RATE)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_network_that_does_not_fit_into_memory_is_named(monkeypatch: pytest.MonkeyPatch, ema: float | None) -> None:
    """Before its first step, when it or the average of its weights is put there; other errors are not hidden."""

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    network = Net()
    monkeypatch.setattr(network, "state_dict" if ema else "to", full)
    with pytest.raises(MachineError, match=r"^Net does not fit into the memory of cpu: CUDA out of memory\. Tried"):
        _learner(network, ema=ema)
    monkeypatch.setattr(network, "to", lambda *_, **__: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        _learner(network)


def test_a_device_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU that another process has to itself."""

    def busy(*_: object, **__: object) -> None:
        raise torch.AcceleratorError("CUDA error: all CUDA-capable devices are busy\nSearch for ...")

    network = Net()
    monkeypatch.setattr(network, "to", busy)
    with pytest.raises(
        MachineError, match=r"^the device cpu cannot be used: CUDA error: all CUDA-capable devices are busy"
    ):
        _learner(network)


def test_what_a_gpu_reports_late_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that fails is reported where its result is fetched, and then in one line as well."""
    learner = _learner()

    def update(loss: torch.Tensor) -> None:
        monkeypatch.setattr(type(loss), "item", failing)

    def failing(_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(learner, "_update", update)
    with pytest.raises(MachineError, match="the GPU failed at a batch of shape"):
        learner.train_step(BATCH, TARGETS, RATE)
