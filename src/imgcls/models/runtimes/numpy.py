"""The array EfficientNet as a classifier: NumPy on the CPU, in float32, from a torchvision network's own memory."""

from typing import Any

import numpy as np

from imgcls import reference
from imgcls.errors import ModelError
from imgcls.models.runtimes.base import Request


class ReferenceClassifier:
    """``module``: torchvision's EfficientNet, which holds the weights and is not run.

    Raises ModelError where it is not one of the reference's variants, and for another device or precision.
    """

    concurrent = False
    compile_seconds = 0.0
    max_batch_size: int | None = None

    def __init__(self, module: Any, precision: str, device: str) -> None:
        if device != "cpu" or precision != "float32":
            raise ModelError(f"the reference runs on the CPU in float32, not on {device} in {precision}")
        self.module = module.eval()
        self.network = reference.recognised(module.state_dict())

    def logits(self, batch: Any) -> Any:
        """A float32 tensor (n, 3, h, w) to a float32 NumPy array (n, classes). Raises ModelError for another shape."""
        return self.forward(self.to_device(batch))

    def to_device(self, batch: Any) -> Any:
        """The batch as a NumPy array, in the same memory."""
        return np.asarray(batch.numpy(), np.float32)

    def forward(self, batch: Any) -> Any:
        """(n, 3, h, w) to (n, classes)."""
        return reference.predict(self.network, batch)

    def to_numpy(self, output: Any, images: int) -> Any:  # noqa: ARG002 - it cannot be of another shape
        """(n, classes), unchanged."""
        return output

    def synchronize(self) -> None:
        """NumPy returns when it is done."""

    def device_ns(self, batch: Any) -> None:
        """The host's clock is the only one."""


def build(request: Request) -> ReferenceClassifier:
    """The classifier of this runtime."""
    return ReferenceClassifier(request.module(), request.precision, request.device)
