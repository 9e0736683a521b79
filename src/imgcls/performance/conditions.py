"""The conditions of a measurement, kept with every figure: the model, its batch, the machine and the libraries."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from imgcls.errors import ModelError
from imgcls.models.model import Model
from imgcls.performance import flops
from imgcls.records.performance import RunEnvironment
from imgcls.system import machine, versions

WEIGHTS = "state_sha256"
"""The attribute that messages call weights."""


def unlike(before: object, after: object, names: Sequence[str]) -> str | None:
    """Which of these attributes of two figures differ, in words; then the two are not of the same work."""
    differing = [name for name in names if getattr(before, name) != getattr(after, name)]
    values = "; ".join(text for name in differing for text in _values(before, after, name))
    titles = ("set of weights" if name == WEIGHTS else name for name in differing)
    return f"another {', '.join(titles)}: {values}" if differing else None


def _values(before: Any, after: Any, name: str) -> Iterator[str]:
    """Both values of an attribute; of a record, those of its fields that differ."""
    both = getattr(before, name), getattr(after, name)
    if is_dataclass(both[0]):
        for field in fields(both[0]):
            if getattr(both[0], field.name) != getattr(both[1], field.name):
                yield from _values(*both, field.name)
    else:
        first, second = ("none" if value is None else str(value) for value in both)
        yield f"weights {first[:8]} and {second[:8]}" if name == WEIGHTS else f"{name} {first} and {second}"


def environment_of(model: Model, batch: int) -> RunEnvironment:
    """The conditions of a measurement of this model with ``batch`` images at a time."""
    info = model.info
    return RunEnvironment(
        model=model.spec.name,
        arch=model.spec.arch,
        device=info.device,
        batch=batch,
        precision=info.precision,
        runtime=info.runtime,
        threads=machine.threads(),
        input=str(info.input),
        state_sha256=info.state_sha256,
        weights_file_sha256=info.weights_file_sha256,
        parameters=info.parameters,
        gmacs=_gmacs(model),
        machine=machine.describe(info.device),
        versions=versions.libraries(),
        untrained=info.untrained,
    )


def _gmacs(model: Model) -> float | None:
    """None where the network cannot be counted: it may still classify images, and is measured all the same."""
    try:
        return flops.gmacs(model.classifier.module, model.info.input.shape)
    except ModelError:
        return None
