"""Where scoring most images in less than float32 takes less time, by a rule that times nothing."""

from __future__ import annotations

from imgcls.models.model import Model
from imgcls.records.config import Precision
from imgcls.records.evaluation import ModelInfo
from imgcls.records.runtime import Screen
from imgcls.system import devices, machine

REDUCED: dict[tuple[str, str], Precision] = {("openvino", "cpu"): "bfloat16", ("eager", "cuda"): "float16"}
"""What a runtime computes in on a kind of device in clearly less time than in float32, where the processor can."""

MATRICES, VECTORS = "amx_bf16", "avx512_bf16"
"""Instructions for bfloat16 as Linux names them: eight or more times, and twice, the work of float32."""

MOST_AGAIN = {MATRICES: 1 / 3, VECTORS: 1 / 10, "cuda": 1 / 3}  # docs/decisions.md#two-precisions
"""The largest share of a sample that is scored twice, and clearly less time is still needed in all."""

FEWEST_PIXELS = 1000 * 224 * 224  # docs/decisions.md#two-precisions
"""Pixels in all the inputs of a dataset from which a second network, and its trial, pay."""


def reduced(info: ModelInfo) -> Precision | None:
    """The precision that every image is scored in first; None where that would save no time."""
    kind = devices.kind(info.device)
    return REDUCED.get((info.runtime, kind)) if kind != "cpu" or _instructions() else None


def obstacle(model: Model, listed: int, *, has_labels: bool) -> str | None:
    """Why a dataset of this many images is scored in float32 only; None where a sample has to show it."""
    if not has_labels:
        return 'precision = "auto" is float32 here: without labels nothing is counted'
    info = model.info
    height, width = info.input.crop
    if reduced(info) is None:
        place = "a CPU" if devices.kind(info.device) == "cpu" else info.device
        lacks = "without avx512_bf16 and amx_bf16" if info.runtime == "openvino" else f"by {info.runtime}"
        return f'precision = "auto" is float32 here: on {place} {lacks}, less than float32 saves no time'
    if listed * height * width < FEWEST_PIXELS:
        return f'precision = "auto" is float32 here: two precisions do not pay for {listed} images'
    return None


def objection(info: ModelInfo, screen: Screen) -> str | None:
    """Why a sample speaks against a second precision; None where it does not."""
    kind = devices.kind(info.device)
    most = MOST_AGAIN[(_instructions() or VECTORS) if kind == "cpu" else kind]
    if screen.again <= most * screen.images:
        return None
    return (
        f'precision = "auto" is float32 here: {screen.precision} moves logits against each other by up to '
        f"{screen.largest:.3g}, and on {screen.again} of {screen.images} images they are too near for that: "
        f"scoring more than {100 * most:.0f} % of the images twice saves no time"
    )


def _instructions() -> str | None:
    """What this CPU has for bfloat16, the best of it."""
    return next((name for name in (MATRICES, VECTORS) if name in machine.vectors().split()), None)
