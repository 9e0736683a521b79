"""Who learns: one protocol, and PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from imgcls.errors import MachineError, ModelError, one_line, ran_out_of_memory
from imgcls.recipe import Recipe

if TYPE_CHECKING:  # torch takes seconds to import
    import torch

Batch = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]

MOMENTUM = 0.9
"""Of SGD."""

_SPEED_OF_NEW = 10  # layers that begin anew beside trained ones would else pull those to where they happen to begin


class Learner(Protocol):
    """A network that learns from batches. Batches are float32 (n, 3, h, w), targets int64 (n,), logits (n, classes).

    What it does must follow from its state and its arguments, so that a training can be continued.
    """

    def learn(self, batch: Batch, targets: Targets, rate: float) -> tuple[float, Batch]:
        """Take one step at this learning rate; loss and logits are those before the step."""

    def predict(self, batch: Batch) -> Batch:
        """The logits of the network that is kept, in evaluation mode and float32."""

    def weights(self) -> Mapping[str, Any]:
        """The state dict of the network that is kept."""

    def state(self) -> Mapping[str, Any]:
        """Everything that the next step depends on: tensors, numbers and text, which ``torch.save`` takes."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the learner that had this state, to the last bit."""


class TorchLearner:
    """A PyTorch module that learns by a recipe, from the values that it has.

    ``class_weights``: how much a mistake on a picture of each class weighs; ``None``: the same for all.
    Raises :class:`ModelError` where the module does not take the pictures, or answers with something else than logits,
    and :class:`MachineError` where memory runs out.
    """

    def __init__(
        self, network: torch.nn.Module, recipe: Recipe, class_weights: Sequence[float] | None, new: Sequence[str] = ()
    ) -> None:
        import torch

        self.recipe, self.device, self.steps = recipe, torch.device(recipe.device), 0
        # Filters with channels last suit the convolutions of cuDNN and oneDNN alike.
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = _optimizer(self.network, recipe, new)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "float16")
        self.average = _Average(self.network, recipe.ema) if recipe.ema else None
        self.class_weights = torch.tensor(class_weights, device=self.device) if class_weights else None

    def learn(self, batch: Batch, targets: Targets, rate: float) -> tuple[float, Batch]:
        """One step; gradients are clipped by their common norm."""
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["speed"]
        self._draw_anew()
        _set_to_learn(self.network, frozen=self.recipe.freeze_batch_norm)
        with explained(batch):
            logits = self._scored(batch)
            loss = torch.nn.functional.cross_entropy(
                logits,
                torch.from_numpy(targets).to(self.device),
                self.class_weights,
                label_smoothing=self.recipe.label_smoothing,
            )
            self._step(loss)
        return loss.item(), logits.detach().cpu().numpy()

    def predict(self, batch: Batch) -> Batch:
        """Of the averaged weights where there are any."""
        import torch

        self.network.eval()
        state = self.average.state if self.average else self.network.state_dict()
        with torch.inference_mode(), explained(batch):
            logits = torch.func.functional_call(self.network, state, (self._placed(batch),))
            return np.asarray(_tensor(logits, batch).float().cpu().numpy())

    def weights(self) -> Mapping[str, Any]:
        """The averaged weights where there are any."""
        return dict(self.average.state if self.average else self.network.state_dict())

    def state(self) -> Mapping[str, Any]:
        """Of the module, its optimizer, the scale of gradients and the average."""
        return {
            "steps": self.steps,
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average and {"steps": self.average.steps, "state": self.average.state},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Into this learner, which was made for the same module and recipe."""
        self.steps = state["steps"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.steps = state["average"]["steps"]
            for name, value in self.average.state.items():
                value.copy_(state["average"]["state"][name])

    def _draw_anew(self) -> None:
        """What dropout draws follows from the seed and the step alone, so that no generator's state is kept."""
        import torch

        drawn = np.random.SeedSequence([self.recipe.seed, self.steps]).generate_state(1, np.uint64)
        torch.manual_seed(int(drawn[0] >> np.uint64(1)))
        self.steps += 1

    def _placed(self, batch: Batch) -> torch.Tensor:
        import torch

        return torch.from_numpy(batch).to(self.device, memory_format=torch.channels_last)

    def _scored(self, batch: Batch) -> torch.Tensor:
        """Logits in float32, computed in the precision of the recipe."""
        import torch

        precision = getattr(torch, self.recipe.precision)
        with torch.autocast(self.device.type, precision, enabled=precision is not torch.float32):
            return _tensor(self.network(self._placed(batch)), batch).float()

    def _step(self, loss: torch.Tensor) -> None:
        import torch

        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self.recipe.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.follow(self.network)


class _Average:
    """The exponential moving average of a network's state; counters and the like are the network's own.

    Early on it forgets faster, with (1 + steps) / (10 + steps), so that it does not remember where the network
    started: TensorFlow's rule for ``num_updates`` of ``ExponentialMovingAverage``.
    """

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def follow(self, network: torch.nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)


def _optimizer(network: torch.nn.Module, recipe: Recipe, new: Sequence[str]) -> torch.optim.Optimizer:
    """Weight decay is decoupled but for SGD (I. Loshchilov and F. Hutter, 2019).

    NAdam: T. Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
    """
    from torch import optim

    groups = [
        {"params": [p for _, p in parameters], "weight_decay": decay * recipe.weight_decay, "speed": speed}
        for (decay, speed), parameters in decays_and_speeds(network, new).items()
    ]
    if recipe.optimizer == "nadam":
        return optim.NAdam(groups, recipe.learning_rate, decoupled_weight_decay=True)
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, recipe.learning_rate)
    return optim.SGD(groups, recipe.learning_rate, MOMENTUM)


def decays_and_speeds(
    network: torch.nn.Module, new: Sequence[str]
) -> dict[tuple[int, int], list[tuple[str, torch.nn.Parameter]]]:
    """Named parameters by whether they decay (biases and norms do not) and by how much faster they learn."""
    groups: dict[tuple[int, int], list[tuple[str, torch.nn.Parameter]]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            speed = _SPEED_OF_NEW if name.rpartition(".")[0] in new else 1
            groups.setdefault((int(parameter.ndim > 1), speed), []).append((name, parameter))
    return groups


def _set_to_learn(network: torch.nn.Module, *, frozen: bool) -> None:
    """Training mode; frozen batch norms use the statistics they have, and keep them."""
    from torch.nn.modules.batchnorm import _BatchNorm

    network.train()
    for module in network.modules():
        if frozen and isinstance(module, _BatchNorm):
            module.eval()


def _tensor(logits: object, batch: Batch) -> torch.Tensor:
    import torch

    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"the network answers a batch of shape {batch.shape} with {type(logits).__name__}, not with one tensor of "
            "logits; switch its auxiliary heads off with the option aux_logits=false"
        )
    return logits


@contextmanager
def explained(batch: Batch) -> Iterator[None]:
    """Say what failed with which batch, and what to do."""
    try:
        yield
    except (RuntimeError, ValueError, AssertionError, MemoryError) as error:
        said, shape = one_line(error), tuple(batch.shape)
        if ran_out_of_memory(error):
            raise MachineError(
                f"out of memory with a batch of shape {shape}: {said}; try half the --batch-size, a smaller input, "
                "or --precision bfloat16"
            ) from error
        if "more than 1 value per channel" in said:
            raise ModelError(
                f"{said}: a norm sees one value in a batch of shape {shape}; give a larger --batch-size"
            ) from error
        raise ModelError(
            f"the network does not take a batch of shape {shape}: {said}; "
            "choose the input size that it is built for, or build it for this one with an option such as img_size"
        ) from error
