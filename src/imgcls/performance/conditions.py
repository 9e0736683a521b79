"""The conditions of a measurement, kept with every figure: the model, its batch, the machine and the libraries."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from imgcls.errors import ModelError
from imgcls.models.model import Model
from imgcls.performance import flops
from imgcls.records.performance import RunEnvironment
from imgcls.system import machine, versions


def unlike(before: object, after: object, names: Sequence[str]) -> str | None:
    """Which of these attributes of two figures differ, in words; then the two are not of the same work."""
    differing = [name for name in names if getattr(before, name) != getattr(after, name)]
    values = (f"{name} {getattr(before, name)} and {getattr(after, name)}" for name in differing)
    return f"another {', '.join(differing)}: {'; '.join(values)}" if differing else None


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
    )


def _gmacs(model: Model) -> float | None:
    """None where the network cannot be counted: it may still classify images, and is measured all the same."""
    try:
        return flops.gmacs(model.classifier.module, model.info.input.crop)
    except ModelError:
        return None


@contextmanager
def fixed_threads() -> Iterator[None]:
    """While it is open, torch has the number of threads that :func:`environment_of` states."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(machine.threads())
    try:
        yield
    finally:
        torch.set_num_threads(before)
