"""How images become a network's input: as its source or the configuration states, or by its own function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgcls.errors import ConfigError
from imgcls.models import channels
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry
from imgcls.preprocessing.own_input import OwnPreprocessing
from imgcls.records.config import InputSpec, ModelSpec

if TYPE_CHECKING:
    import torch

ATTRIBUTE = "preprocess"
"""What a network's own preprocessing is called."""


class ModelInput(NamedTuple):
    """The settings of a network's input; ``own``: the function that makes it, where the network has its own."""

    spec: InputSpec
    own: OwnPreprocessing | None = None


def stated(spec: ModelSpec) -> InputSpec | None:
    """What is known of the input before the network is built; None where only the network can state it.

    Raises ConfigError.
    """
    is_open = not registry.given_input(spec) and sources.of(spec).input_spec(spec) is None
    return None if is_open else registry.input_spec(spec)


def of(spec: ModelSpec, module: torch.nn.Module, known: InputSpec | None) -> ModelInput:
    """The input of a built network, of which ``known`` is stated.

    Raises ConfigError where nothing states it, and ModelError where the network's own function cannot be used.
    """
    if known is not None:
        is_open = known.channels == 1 and sources.of(spec).channels(spec) is None
        return ModelInput(channels.fitted(spec, known, channels.of(module)) if is_open else known)
    function = getattr(module, ATTRIBUTE, None)
    if not callable(function):
        return ModelInput(registry.input_spec(spec))  # raises, and names the keys to give
    if spec.decode == "fast":
        raise ConfigError(
            f'[models.{spec.name}] decode = "fast" is not for a network with its own preprocess(), which takes whole '
            'images: use decode = "exact"'
        )
    own = OwnPreprocessing(f"{type(module).__name__}.{ATTRIBUTE}", function)
    return ModelInput(own.input_spec(), own)
