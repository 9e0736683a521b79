"""The contracts by name, and the trial of one of them on one model."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from imgcls.errors import ConfigError, ImgclsError
from imgcls.messages import nearest, one_line

if TYPE_CHECKING:
    from imgcls.models.model import Model
    from imgcls.records.data import ImageRef
    from imgcls.records.parity import ContractCheck

_MODULES = {
    "eval-mode": "repeats",
    "deterministic": "repeats",
    "batch-invariant": "batches",
    "batch-sizes": "batches",
    "finite": "numerics",
    "state-unchanged": "state",
    "reload": "state",
    "export": "compilers",
    "compile": "compilers",
    "lossless": "images",
    "flips": "images",
}
"""By contract, the module of this wing that has a function of its name. It needs torch, so it is imported late."""

NAMES: tuple[str, ...] = tuple(_MODULES)
"""The contracts in the order in which they are tried."""


def check(
    name: str,
    model: Model,
    images: Sequence[ImageRef],
    *,
    exif: Literal["ignore", "apply"] = "ignore",
    budget: float | None = None,
) -> ContractCheck:
    """One contract tried on one loaded model, as configured, on its device.

    ``images``: up to 16 images of a dataset; synthetic ones take their place where there are too few, and the message
    states it. ``exif``: as in the dataset of these images. ``budget``: the largest share of images whose best class a
    harmless change may move, for ``flips``; None: the share is only reported. What the model itself raises is the
    status ``error``. Raises ConfigError for a contract that does not exist.
    """
    if name not in _MODULES:
        raise ConfigError(f"contract '{name}' does not exist{nearest(name, NAMES)}")
    from imgcls.contracts import subject as subjects
    from imgcls.preprocessing import decode
    from imgcls.records.parity import ContractCheck
    from imgcls.system import machine

    function = getattr(import_module(f"imgcls.contracts.{_MODULES[name]}"), name.replace("-", "_"))
    with decode.quiet_pillow(), machine.limited_threads():
        subject = subjects.Subject(model, images, exif, budget)
        finding = _tried(function, subject, subjects.Skipped)
    return ContractCheck(model.spec.name, name, *finding)


def _tried(function: Any, subject: Any, skipped: type[Exception]) -> tuple[Any, str]:
    """What a contract found, or why it could not be tried."""
    try:
        status, message = function(subject)
    except skipped as reason:
        return "skipped", str(reason)
    except ImgclsError as error:
        return "error", str(error).partition("\n")[0]
    except Exception as error:  # noqa: BLE001 - a network may raise anything, and other models go on
        return "error", f"{type(error).__name__}: {one_line(error)}"
    return status, message
