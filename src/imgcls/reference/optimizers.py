"""How parameters follow their gradients: one function each, from what is to what will be, with no state of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any, NamedTuple

from imgcls.reference.arrays import Array, by_channel, namespace
from imgcls.reference.state import Tree, flat, nested


@dataclass(frozen=True, slots=True)
class Nadam:
    """Settings of :func:`nadam`, named and preset as in ``torch.optim.NAdam``."""

    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum_decay: float = 4e-3
    decoupled_weight_decay: bool = False


@dataclass(frozen=True, slots=True)
class Sgd:
    """Settings of :func:`sgd`, named and preset as in ``torch.optim.SGD``."""

    lr: float = 1e-3
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False


class State(NamedTuple):
    """Where an optimizer stands: steps taken, the product of their momenta (Nadam's), and moments, trees like the
    parameters: of the gradient, and (Nadam's) of its square.
    """

    steps: int = 0
    momenta: float = 1.0
    first: Tree | None = None
    second: Tree | None = None


def nadam(parameters: Tree, gradients: Tree, state: State, settings: Nadam) -> tuple[Tree, State]:
    """One step of Adam with Nesterov's momentum, to new parameters and a new state; begin with ``State()``.

    Dozat 2016, "Incorporating Nesterov Momentum into Adam", algorithm 2, whose momentum grows with the steps as
    ``b (1 - 0.96 ** (t d) / 2)``. Weight decay is added to the gradient, or (decoupled) taken off the parameter
    (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).
    """
    steps = state.steps + 1
    momentum, following = _momentum(settings, steps), _momentum(settings, steps + 1)
    momenta = state.momenta * momentum
    of_gradient = settings.lr * (1 - momentum) / (1 - momenta)
    of_first = settings.lr * following / (1 - momenta * following)
    rule = partial(_nadam, settings, of_gradient, of_first, 1 - settings.betas[1] ** steps)
    new, first, second = _each(
        rule, parameters, gradients, state.first or _zeros(parameters), state.second or _zeros(parameters)
    )
    return new, State(steps, momenta, first, second)


def sgd(parameters: Tree, gradients: Tree, state: State, settings: Sgd) -> tuple[Tree, State]:
    """One step of stochastic gradient descent with momentum, PyTorch's form of it; begin with ``State()``.

    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", section 2; in
    PyTorch's form the moment is one of gradients and the rate is applied to it.
    """
    share = 1 - settings.dampening if state.steps else 1.0  # the first gradient is all that the moment has
    new, first = _each(partial(_sgd, settings, share), parameters, gradients, state.first or _zeros(parameters))
    return new, State(state.steps + 1, state.momenta, first)


def _nadam(
    settings: Nadam,
    of_gradient: float,
    of_first: float,
    correction: float,
    parameter: Array,
    gradient: Array,
    first: Array,
    second: Array,
) -> tuple[Array, Array, Array]:
    b1, b2 = settings.betas
    if settings.weight_decay and settings.decoupled_weight_decay:
        parameter = parameter * (1 - settings.lr * settings.weight_decay)
    elif settings.weight_decay:
        gradient = gradient + settings.weight_decay * parameter
    first = b1 * first + (1 - b1) * gradient
    second = b2 * second + (1 - b2) * (gradient * gradient)
    root = namespace(second).sqrt(second) / sqrt(correction) + settings.eps
    return parameter - (of_gradient * gradient + of_first * first) / root, first, second


def _momentum(settings: Nadam, step: int) -> float:
    decay: float = 0.96 ** (step * settings.momentum_decay)
    return settings.betas[0] * (1 - 0.5 * decay)


def _sgd(settings: Sgd, share: float, parameter: Array, gradient: Array, moment: Array) -> tuple[Array, Array]:
    if settings.weight_decay:
        gradient = gradient + settings.weight_decay * parameter
    moment = settings.momentum * moment + share * gradient
    direction = gradient + settings.momentum * moment if settings.nesterov else moment
    return parameter - settings.lr * direction, moment


def _each(rule: Callable[..., Any], *trees: Tree) -> tuple[Tree, ...]:
    """What ``rule`` makes of each parameter and of what belongs to it, as trees again."""
    flats = [flat(tree) for tree in trees]
    made = {name: by_channel(rule, *(arrays[name] for arrays in flats)) for name in flats[0]}
    return tuple(nested({name: results[place] for name, results in made.items()}) for place in range(len(trees) - 1))


def _zeros(parameters: Tree) -> Tree:
    return nested({name: namespace(array).zeros_like(array) for name, array in flat(parameters).items()})
