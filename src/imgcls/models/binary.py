"""Networks with one logit for each image: what it decides, and whether it is a logit at all."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch

from imgcls.errors import ModelError
from imgcls.models import outputs
from imgcls.models.runtimes.eager import exact_float32
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList

CLASSES = (0, 2)
"""The numbers of names that a network with one logit may have: two, or none where they come later."""

SIGMOIDS = (torch.nn.Sigmoid, torch.nn.Hardsigmoid)

SIGMOID_STEPS = ("SigmoidBackward", "HardsigmoidBackward")

RESHAPING_STEPS = ("View", "Reshape", "Squeeze", "Unsqueeze", "Select", "Slice", "Clone", "ToCopy", "Cat", "AsStrided")


def notes(spec: ModelSpec, module: torch.nn.Module, input_spec: InputSpec, labels: LabelList) -> tuple[str, ...]:
    """How one logit is read, from one image of zeros; nothing for a network with an output for each class.

    Only a network of two classes can have one logit, so that none with more names is run. Raises ModelError where its
    one output went through a sigmoid: read as a logit, a probability would always be the second class.
    """
    if len(labels.names) not in CLASSES:
        return ()
    image = torch.zeros(1, *input_spec.shape)
    output = _head(module.eval(), image.clone().requires_grad_(), spec.output)
    if output is None:  # a network may use NumPy, which takes no tensor with a gradient
        output = _head(module, image, spec.output)
    if output is None or output.numel() != 1:
        return ()
    if _is_probability(module, output):
        raise ModelError(
            f"[models.{spec.name}] {spec.arch} has one output for each image, a probability after a sigmoid: "
            "return the logit before the sigmoid, or two logits; imgcls takes the sigmoid itself"
        )
    negative, positive = labels.names or ("class 0", "class 1")
    return (f"one logit for each image: {positive} where its sigmoid is above 0.5, else {negative}",)


def _head(module: torch.nn.Module, image: torch.Tensor, key: str | None) -> torch.Tensor | None:
    """What it returns for an image, with the steps that computed it; None where it fails, as it will in scoring."""
    with suppress(Exception, SystemExit), exact_float32(), torch.enable_grad():
        return outputs.head(module(image), key)
    return None


def _is_probability(module: torch.nn.Module, output: torch.Tensor) -> bool:
    """By the last step that computed it, or, where none is known, by the network's last layer."""
    step: Any = output.grad_fn
    while step is not None and type(step).__name__.startswith(RESHAPING_STEPS):
        step = step.next_functions[0][0]
    if step is not None:
        return type(step).__name__.startswith(SIGMOID_STEPS)
    *_, last = module.modules()
    return isinstance(last, SIGMOIDS)
