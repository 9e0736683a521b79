"""A network that is trained, whatever computes its steps: one protocol, and what all of its implementations share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from imgcls.errors import MachineError, ModelError, ran_out_of_memory
from imgcls.messages import one_line

if TYPE_CHECKING:
    import torch

Images = npt.NDArray[np.float32]
Targets = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

SGD_MOMENTUM = 0.9  # docs/decisions.md#training-defaults
_NEW_LAYER_SPEED = 10  # docs/decisions.md#new-heads


class Learner(Protocol):
    """A network in training. Images are float32 (n, 3, h, w), targets int64 (n,), logits float32 (n, classes).

    The results must follow from its state and the arguments, so that a training can be resumed.
    """

    def norm_momentum(self) -> float | None:
        """The weight of one more batch in those running statistics that follow most slowly; None where none do."""

    def train_step(self, images: Images, targets: Targets, rate: float) -> tuple[float, Logits]:
        """Take one step at this learning rate; loss and logits are those before the step."""

    def predict(self, images: Images) -> Logits:
        """The logits of the network that is kept, in evaluation mode and float32."""

    def weights(self) -> Mapping[str, Any]:
        """The state dict of the network that is kept."""

    def state(self) -> Mapping[str, Any]:
        """Everything that the next step depends on: tensors, numbers and text, which ``torch.save`` takes."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the learner that had this state, to the last bit."""


def parameter_groups(
    network: torch.nn.Module, new_layers: Sequence[str]
) -> dict[tuple[int, int], list[tuple[str, torch.nn.Parameter]]]:
    """Named parameters by weight decay (1, or 0 for biases and norms) and by the factor of their learning rate."""
    groups: dict[tuple[int, int], list[tuple[str, torch.nn.Parameter]]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            speed = _NEW_LAYER_SPEED if name.rpartition(".")[0] in new_layers else 1
            groups.setdefault((int(parameter.ndim > 1), speed), []).append((name, parameter))
    return groups


@contextmanager
def explained(images: Images) -> Iterator[None]:
    """Within this context, an error of the network names the shape of the batch and what to do.

    Raises MachineError where memory runs out or a GPU fails, and ModelError otherwise.
    """
    try:
        yield
    except (RuntimeError, ValueError, AssertionError, MemoryError) as error:
        message, shape = one_line(error), tuple(images.shape)
        if ran_out_of_memory(error):
            raise MachineError(
                f"out of memory with a batch of shape {shape}: {message}; try half the --batch-size, a smaller input, "
                "or --precision bfloat16"
            ) from error
        if type(error).__name__ in {"AcceleratorError", "CUDARuntimeError"}:  # torch's and CuPy's
            failure = str(error).strip().partition("\n")[0]
            raise MachineError(
                f"the GPU failed at a batch of shape {shape}: {failure}; run again, with --resume after a whole epoch"
            ) from error
        if "more than 1 value per channel" in message:
            raise ModelError(
                f"{message}: a norm sees one value in a batch of shape {shape}; give a larger --batch-size"
            ) from error
        raise ModelError(
            f"the network does not take a batch of shape {shape}: {message}; "
            "choose the input size that it is built for, or build it for this one with an option such as img_size"
        ) from error
