"""The array EfficientNet learns: NumPy, or CuPy on a GPU, behind the protocol of :mod:`imgcls.learner`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imgcls import reference
from imgcls.errors import ConfigError, MachineError, one_line
from imgcls.learner import MOMENTUM, Batch, Targets, decays_and_speeds, explained
from imgcls.recipe import Recipe
from imgcls.reference.arrays import as_numpy

if TYPE_CHECKING:  # torch takes seconds to import
    import torch

INSTALL = {"cupy": "pip install cupy-cuda12x, and see that there is a GPU"}


class _Group(NamedTuple):
    """Parameters that follow their gradients in the same way: whether they decay, and how much faster they learn."""

    names: Sequence[str]
    decay: int
    speed: int
    state: reference.State


class ArrayLearner:
    """The reference's network of ``architecture``, from the values that torchvision's ``module`` of it has.

    Raises ConfigError where the arrays that the recipe names are not to be had.
    """

    def __init__(
        self,
        architecture: reference.Architecture,
        module: torch.nn.Module,
        recipe: Recipe,
        class_weights: Sequence[float] | None,
        new: Sequence[str] = (),
    ) -> None:
        self.recipe, self.xp, self.steps = recipe, _namespace(recipe.array), 0
        self.network = reference.loaded(architecture, module.state_dict(), self.xp)
        self.groups = [
            _Group([name for name, _ in parameters], decay, speed, reference.State())
            for (decay, speed), parameters in decays_and_speeds(module, new).items()
        ]
        self.class_weights = None if class_weights is None else self._array(np.array(class_weights, np.float32))

    def learn(self, batch: Batch, targets: Targets, rate: float) -> tuple[float, Batch]:
        """One step; what is left out at random follows from the seed and the step alone."""
        generator = np.random.default_rng([self.recipe.seed, self.steps])
        kept = reference.draw(self.network.architecture, len(batch), generator, self.xp)
        with explained(batch):
            step = reference.step(
                self.network,
                self._array(batch),
                self._array(targets),
                kept=kept,
                smoothing=self.recipe.label_smoothing,
                class_weights=self.class_weights,
            )
        parameters = self._followed(step.gradients, rate)
        self.network = self.network._replace(parameters=parameters, statistics=step.statistics)
        self.steps += 1
        return float(step.loss), as_numpy(step.logits)

    def _followed(self, gradients: reference.Tree, rate: float) -> reference.Tree:
        """The parameters after a step of the optimizer, each group by its own settings."""
        parameters, slopes = reference.flat(self.network.parameters), reference.flat(gradients)
        for place, group in enumerate(self.groups):
            old, slope = (reference.nested({name: flat[name] for name in group.names}) for flat in (parameters, slopes))
            new, state = self._rule(rate * group.speed, group.decay * self.recipe.weight_decay)(old, slope, group.state)
            self.groups[place] = group._replace(state=state)
            parameters |= reference.flat(new)
        return reference.nested(parameters)

    def _rule(self, rate: float, decay: float) -> Callable[..., tuple[reference.Tree, reference.State]]:
        if self.recipe.optimizer == "sgd":
            return partial(reference.sgd, settings=reference.Sgd(rate, MOMENTUM, weight_decay=decay))
        settings = reference.Nadam(rate, weight_decay=decay, decoupled_weight_decay=True)
        return partial(reference.nadam, settings=settings)

    def predict(self, batch: Batch) -> Batch:
        """By the running statistics."""
        with explained(batch):
            return np.asarray(as_numpy(reference.predict(self.network, self._array(batch))))

    def weights(self) -> Mapping[str, Any]:
        """A state dict of torchvision's."""
        return _tensors(reference.state_dict(self.network))

    def state(self) -> Mapping[str, Any]:
        """Of the network, and of each group's optimizer."""
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
        """Into this learner, which was made for the same network and recipe."""
        self.steps = state["steps"]
        self.network = reference.loaded(self.network.architecture, state["network"], self.xp)
        self.groups = [
            group._replace(
                state=reference.State(
                    kept["steps"], kept["momenta"], self._tree(kept["first"]), self._tree(kept["second"])
                )
            )
            for group, kept in zip(self.groups, state["groups"], strict=True)
        ]

    def _tree(self, tensors: Mapping[str, Any]) -> reference.Tree | None:
        """Moments as a tree; none before the first step, and SGD has but one of the two."""
        return reference.nested({name: self._array(value.numpy()) for name, value in tensors.items()}) or None

    def _array(self, values: Any) -> Any:
        return self.xp.asarray(values)


def _namespace(name: str) -> ModuleType:
    """The module, which has shown that it computes. Raises ConfigError, and MachineError where there is no device."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise ConfigError(f"--array {name}: {error}; {INSTALL[name]}") from error
    try:
        module.zeros(1)
    except Exception as error:  # CuPy's own, which cannot be named where it is not installed
        raise MachineError(f"--array {name} cannot be used here: {one_line(error)}") from error
    return module


def _tensors(arrays: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """What ``torch.save`` and safetensors take."""
    import torch

    return {name: torch.from_numpy(np.array(as_numpy(array), order="C")) for name, array in arrays.items()}
