"""The array EfficientNet in training, on NumPy or CuPy, behind the protocol of :mod:`imgcls.training.learner`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imgcls import reference
from imgcls.errors import ConfigError, MachineError
from imgcls.messages import one_line
from imgcls.reference.arrays import as_numpy
from imgcls.training import cupy_install
from imgcls.training.config import TrainingConfig
from imgcls.training.learner import SGD_MOMENTUM, Images, Logits, Targets, explained, parameter_groups

if TYPE_CHECKING:
    import torch


class _Group(NamedTuple):
    """Parameters with the same weight decay (1 or 0) and the same factor ``speed`` of the learning rate."""

    names: Sequence[str]
    decay: int
    speed: int
    state: reference.State


class ArrayLearner:
    """The reference's network of ``architecture``, from the values that torchvision's ``module`` of it has.

    Raises ConfigError where the arrays that ``config`` names are not installed, MachineError where they have no device.
    """

    def __init__(
        self,
        architecture: reference.Architecture,
        module: torch.nn.Module,
        config: TrainingConfig,
        class_weights: Sequence[float] | None,
        new_layers: Sequence[str] = (),
    ) -> None:
        self.config, self.xp, self.steps = config, _namespace(config.array), 0
        self.network = reference.loaded(architecture, module.state_dict(), self.xp)
        self.groups = [
            _Group([name for name, _ in parameters], decay, speed, reference.State())
            for (decay, speed), parameters in parameter_groups(module, new_layers).items()
        ]
        self.class_weights = None if class_weights is None else self._array(np.array(class_weights, np.float32))

    def norm_momentum(self) -> float:
        """The architecture's."""
        return self.network.architecture.momentum

    def train_step(self, images: Images, targets: Targets, rate: float) -> tuple[float, Logits]:
        """One step; what is left out at random follows from the seed and the step only."""
        generator = np.random.default_rng([self.config.seed, self.steps])
        masks = reference.draw(self.network.architecture, len(images), generator, self.xp)
        with explained(images):
            step = reference.step(
                self.network,
                self._array(images),
                self._array(targets),
                masks=masks,
                smoothing=self.config.label_smoothing,
                class_weights=self.class_weights,
            )
            parameters = self._updated(step.gradients, rate)
            self.network = self.network._replace(parameters=parameters, statistics=step.statistics)
            self.steps += 1
            return float(step.loss), as_numpy(step.logits)

    def _updated(self, gradients: reference.Tree, rate: float) -> reference.Tree:
        """The parameters after a step of the optimizer, each group by its own settings."""
        parameters, slopes = reference.flat(self.network.parameters), reference.flat(gradients)
        for index, group in enumerate(self.groups):
            old, slope = (reference.nested({name: flat[name] for name in group.names}) for flat in (parameters, slopes))
            rule = self._rule(rate * group.speed, group.decay * self.config.weight_decay)
            new, state = rule(old, slope, group.state)
            self.groups[index] = group._replace(state=state)
            parameters |= reference.flat(new)
        return reference.nested(parameters)

    def _rule(self, rate: float, decay: float) -> Callable[..., tuple[reference.Tree, reference.State]]:
        if self.config.optimizer == "sgd":
            return partial(reference.sgd, settings=reference.Sgd(rate, SGD_MOMENTUM, weight_decay=decay))
        settings = reference.Nadam(rate, weight_decay=decay, decoupled_weight_decay=True)
        return partial(reference.nadam, settings=settings)

    def predict(self, images: Images) -> Logits:
        """By the running statistics."""
        with explained(images):
            return np.asarray(as_numpy(reference.predict(self.network, self._array(images))))

    def weights(self) -> Mapping[str, Any]:
        """A state dict of torchvision's."""
        return _tensors(reference.state_dict(self.network))

    def state(self) -> Mapping[str, Any]:
        """The state of the network, and of each group's optimizer."""
        return {
            "steps": self.steps,
            "network": self.weights(),
            "groups": [
                {
                    "steps": group.state.steps,
                    "momenta": group.state.momenta,
                    "first": _tensors(reference.flat(group.state.first or {})),
                    "second": _tensors(reference.flat(group.state.second or {})),
                }
                for group in self.groups
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Into this learner, which was made for the same network and configuration."""
        self.steps = state["steps"]
        self.network = reference.loaded(self.network.architecture, state["network"], self.xp)
        self.groups = [
            group._replace(
                state=reference.State(
                    stored["steps"], stored["momenta"], self._tree(stored["first"]), self._tree(stored["second"])
                )
            )
            for group, stored in zip(self.groups, state["groups"], strict=True)
        ]

    def _tree(self, tensors: Mapping[str, Any]) -> reference.Tree | None:
        """Moments as a tree; none before the first step, and SGD has only one of the two."""
        return reference.nested({name: self._array(value.numpy()) for name, value in tensors.items()}) or None

    def _array(self, values: Any) -> Any:
        return self.xp.asarray(values)


def _namespace(name: str) -> ModuleType:
    """The module, which has been tried. Raises ConfigError, and MachineError where there is no device."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise ConfigError(f"--array {name}: {one_line(error)}; {cupy_install.hint()}") from error
    try:
        ones = module.ones((2, 2))
        float((ones @ ones).sum())  # compiles kernels and loads CUDA's libraries
    except Exception as error:  # CuPy's own, which cannot be named where it is not installed
        raise MachineError(f"--array {name} cannot be used here: {one_line(error)}; {cupy_install.hint()}") from error
    return module


def _tensors(arrays: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Copies that ``torch.save`` and safetensors take."""
    import torch

    return {name: torch.from_numpy(np.array(as_numpy(array), order="C")) for name, array in arrays.items()}
