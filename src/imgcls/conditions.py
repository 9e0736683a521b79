"""What is written beside every figure: the model, how it is asked, the machine and the libraries."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from imgcls import complexity, machine
from imgcls.errors import ModelError
from imgcls.measures import Conditions
from imgcls.models import Model

LIBRARIES = ("imgcls", "torch", "torchvision", "timm", "numpy")


def of(model: Model, batch: int) -> Conditions:
    """The conditions of a measurement of this model with so many pictures at a time."""
    facts = model.facts
    return Conditions(
        model=model.spec.name,
        arch=model.spec.arch,
        device=facts.device,
        batch=batch,
        precision=facts.precision,
        runtime=facts.runtime,
        threads=machine.threads(),
        input=str(facts.input),
        state_sha256=facts.state_sha256,
        weights_file_sha256=facts.weights_file_sha256,
        parameters=facts.parameters,
        gmacs=_counted(model),
        machine=machine.describe(facts.device),
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}},
    )


def _counted(model: Model) -> float | None:
    """Its GMACs; a network may answer pictures and yet not let itself be counted, and is measured all the same."""
    try:
        return complexity.gmacs(model.classifier.module, model.facts.input.crop)
    except ModelError:
        return None


@contextmanager
def fixed_threads() -> Iterator[None]:
    """Meanwhile torch has the number of threads that :func:`of` states."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(machine.threads())
    try:
        yield
    finally:
        torch.set_num_threads(before)
