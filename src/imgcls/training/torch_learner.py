"""A PyTorch module in training, behind the protocol of :mod:`imgcls.training.learner`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from imgcls.errors import MachineError, ModelError, ran_out_of_memory
from imgcls.messages import one_line
from imgcls.system import devices
from imgcls.training.config import TrainingConfig
from imgcls.training.learner import SGD_MOMENTUM, Images, Logits, Targets, explained, parameter_groups

if TYPE_CHECKING:
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm


class TorchLearner:
    """A PyTorch module that is trained from the values that it has.

    ``class_weights``: how much a mistake on an image of each class weighs; ``None``: the same for all.
    ``new_layers``: layers that begin anew next to trained ones, and learn faster.
    Raises ModelError where the module does not take the images, or does not return one tensor of logits, and
    MachineError where memory runs out or the device cannot be used.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        config: TrainingConfig,
        class_weights: Sequence[float] | None,
        new_layers: Sequence[str] = (),
    ) -> None:
        import torch

        self.config, self.device, self.steps = config, torch.device(config.device), 0
        with _fitting(network, config.device):
            # Filters with channels last suit the convolutions of cuDNN and oneDNN alike.
            self.network = network.to(self.device).to(memory_format=torch.channels_last)
            self.average = _Average(self.network, config.ema) if config.ema else None
        self.optimizer = _optimizer(self.network, config, new_layers)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "float16")
        self.class_weights = torch.tensor(class_weights, device=self.device) if class_weights else None

    def norm_momentum(self) -> float | None:
        """Of the batch norms that are not frozen and have running statistics."""
        norms = [] if self.config.freeze_batch_norm else _batch_norms(self.network)
        return min((norm.momentum for norm in norms if norm.track_running_stats and norm.momentum), default=None)

    def train_step(self, images: Images, targets: Targets, rate: float) -> tuple[float, Logits]:
        """One step; gradients are clipped by their common norm."""
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["speed"]
        self._seed_dropout()
        _set_training_mode(self.network, frozen=self.config.freeze_batch_norm)
        with explained(images):
            logits = self._logits(images)
            loss = torch.nn.functional.cross_entropy(
                logits,
                torch.from_numpy(targets).to(self.device),
                self.class_weights,
                label_smoothing=self.config.label_smoothing,
            )
            self._update(loss)
            return loss.item(), logits.detach().cpu().numpy()

    def predict(self, images: Images) -> Logits:
        """By the averaged weights where there are any."""
        import torch

        self.network.eval()
        state = self.average.state if self.average else self.network.state_dict()
        with torch.inference_mode(), explained(images):
            logits = torch.func.functional_call(self.network, state, (self._to_device(images),))
            return np.asarray(_tensor(logits, images).float().cpu().numpy())

    def weights(self) -> Mapping[str, Any]:
        """The averaged weights where there are any."""
        return dict(self.average.state if self.average else self.network.state_dict())

    def state(self) -> Mapping[str, Any]:
        """The state of the module, its optimizer, the scale of gradients and the average."""
        return {
            "steps": self.steps,
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average and {"steps": self.average.steps, "state": self.average.state},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Into this learner, which was made for the same module and configuration."""
        self.steps = state["steps"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        for moments in self.optimizer.state.values():
            if "mu_product" in moments:  # NAdam's, which torch has moved to the device, where every step waited for it
                moments["mu_product"] = moments["mu_product"].cpu()
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.steps = state["average"]["steps"]
            for name, value in self.average.state.items():
                value.copy_(state["average"]["state"][name])

    def _seed_dropout(self) -> None:
        """Dropout follows from the seed and the step only, so that no generator's state is kept."""
        import torch

        words = np.random.SeedSequence([self.config.seed, self.steps]).generate_state(1, np.uint64)
        torch.manual_seed(int(words[0] >> np.uint64(1)))
        self.steps += 1

    def _to_device(self, images: Images) -> torch.Tensor:
        import torch

        return torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)

    def _logits(self, images: Images) -> torch.Tensor:
        """Logits in float32, computed in the precision of the configuration."""
        import torch

        precision = getattr(torch, self.config.precision)
        with torch.autocast(self.device.type, precision, enabled=precision is not torch.float32):
            return _tensor(self.network(self._to_device(images)), images).float()

    def _update(self, loss: torch.Tensor) -> None:
        import torch

        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self.config.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.update(self.network)


@contextmanager
def _fitting(network: torch.nn.Module, device: str) -> Iterator[None]:
    """Within this context, a device that has no memory for a network, or cannot be used, is a MachineError."""
    import torch

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if ran_out_of_memory(error):
            raise MachineError(
                f"{type(network).__name__} does not fit into the memory of {device}: {one_line(error)}; "
                "choose a smaller architecture, or --device cpu"
            ) from error
        if isinstance(error, torch.AcceleratorError):
            raise devices.unusable(device, error) from error
        raise


class _Average:
    """The exponential moving average of a network's state; counters and the like are the network's own.

    Early on it forgets faster, with (1 + steps) / (10 + steps), so that it does not remember where the network
    started: TensorFlow's rule for ``num_updates`` of ``ExponentialMovingAverage``.
    """

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def update(self, network: torch.nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)


def _optimizer(network: torch.nn.Module, config: TrainingConfig, new_layers: Sequence[str]) -> torch.optim.Optimizer:
    """Weight decay is decoupled except for SGD (I. Loshchilov and F. Hutter, 2019).

    NAdam: T. Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
    """
    from torch import optim

    groups = [
        {"params": [p for _, p in parameters], "weight_decay": decay * config.weight_decay, "speed": speed}
        for (decay, speed), parameters in parameter_groups(network, new_layers).items()
    ]
    if config.optimizer == "nadam":
        return optim.NAdam(groups, config.learning_rate, decoupled_weight_decay=True)
    if config.optimizer == "adamw":
        return optim.AdamW(groups, config.learning_rate)
    return optim.SGD(groups, config.learning_rate, SGD_MOMENTUM)


def _set_training_mode(network: torch.nn.Module, *, frozen: bool) -> None:
    """Training mode; ``frozen`` batch norms use the statistics they have, and keep them."""
    network.train()
    if frozen:
        for norm in _batch_norms(network):
            norm.eval()


def _batch_norms(network: torch.nn.Module) -> list[_BatchNorm]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def _tensor(logits: object, images: Images) -> torch.Tensor:
    import torch

    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"the network returns {type(logits).__name__} for a batch of shape {images.shape}, not one tensor of "
            "logits; switch its auxiliary heads off with the option aux_logits=false"
        )
    return logits
