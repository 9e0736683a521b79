"""What the graph of a program of torch.export states of its input and its output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgcls.errors import ModelError
from imgcls.messages import named
from imgcls.models.files.affine import Step
from imgcls.records.config import ModelSpec

OPERATIONS = {"add": "Add", "sub": "Sub", "subtract": "Sub", "mul": "Mul", "multiply": "Mul", "div": "Div"}
PASSING = frozenset({"permute", "to", "_to_copy", "contiguous", "clone", "alias", "lift_fresh_copy", "detach"})
UNCHANGING = frozenset({*PASSING, "view", "reshape", "flatten", "squeeze", "unsqueeze", "clamp", "dropout"})
LAST = {
    "softmax": "Softmax", "_softmax": "Softmax", "log_softmax": "LogSoftmax", "_log_softmax": "LogSoftmax",
    "sigmoid": "Sigmoid", "hardsigmoid": "Sigmoid",
}  # fmt: skip


def image_input(spec: ModelSpec, file: Path, program: Any) -> Any:
    """The node of the one input of a user. Raises ModelError where there are several."""
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise ModelError(
            f"[models.{spec.name}] {file.name} has the inputs {named([str(name) for name in names]) or 'none'}, and an "
            "image classifier has one: export it with the images as its only input"
        )
    return next(node for node in program.graph.nodes if node.name == names[0])


def output(program: Any) -> Any:
    """The node of the first of its outputs for a user."""
    name = program.graph_signature.user_outputs[0]
    return next(node for node in program.graph.nodes if node.name == name)


def columns(node: Any) -> int | None:
    """The number of classes, where the output's shape states it."""
    shape: Any = getattr(node.meta.get("val"), "shape", ())
    return shape[1] if len(shape) > 1 and isinstance(shape[1], int) else None


def first_steps(program: Any, image: Any) -> list[Step]:
    """The operations with constants on the images themselves, until something else happens to them."""
    steps: list[Step] = []
    while len(users := [user for user in image.users if user.op == "call_function"]) == 1 == len(image.users):
        node = users[0]
        kind = _kind(node)
        if kind in OPERATIONS:
            is_reversed = node.args[0] is not image
            constant = _per_channel(program, node.args[0] if is_reversed else node.args[1])
            if constant is None:
                break
            steps.append(Step(OPERATIONS[kind], constant, is_reversed))
        elif kind not in PASSING:
            break
        image = node
    return steps


def last_operation(node: Any) -> str:
    """The operation that computes the output, but for those that only change its form, by ONNX's name for it."""
    while node.op == "call_function" and _kind(node) in UNCHANGING:
        node = node.args[0]
    return LAST.get(_kind(node), _kind(node))


def _kind(node: Any) -> str:
    """The name of an operator without its namespace and overload: ``add`` of ``aten.add.Tensor``."""
    parts = str(node.target).split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _per_channel(program: Any, operand: Any) -> Any:
    """One number, or one for each of three channels; None for anything else."""
    if isinstance(operand, int | float):
        return np.asarray([operand], np.float64)
    name = getattr(operand, "name", None)
    signature = program.graph_signature
    held = {
        **signature.inputs_to_buffers,
        **signature.inputs_to_parameters,
        **signature.inputs_to_lifted_tensor_constants,
    }
    value = {**program.constants, **program.state_dict}.get(held.get(name, ""))
    if not isinstance(value, torch.Tensor) or value.numel() not in {1, 3}:
        return None
    return value.detach().double().reshape(-1).numpy()
