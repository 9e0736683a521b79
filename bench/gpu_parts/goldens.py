"""How far the card's outputs are from the CPU's, layer by layer, in standard deviations of the CPU's."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from gpu_parts.scene import Scene
from gpu_parts.steps import Steps

if TYPE_CHECKING:
    import torch

    from imgcls.contracts.layers import Call
    from imgcls.models.model import Model
    from imgcls.records.config import ModelSpec

VALUES = 65_536
"""The most values of a tensor that are compared, spread evenly over it."""

FARTHEST = 5
"""Layers that are named: those that add most to the distance of what they were given."""


def measure(scene: Scene, steps: Steps) -> None:
    """One image through every network, in float32; then only the outputs in float16 and bfloat16."""
    for name, spec in scene.models().items():
        steps.take(name, partial(_distances, spec, scene.device))


def _distances(spec: ModelSpec, device: str) -> Mapping[str, Any]:
    from imgcls.contracts import layers
    from imgcls.evaluation import agreement
    from imgcls.golden import diff
    from imgcls.models import loader
    from imgcls.models.runtimes.eager import EagerClassifier
    from imgcls.performance import latency

    model = loader.load(spec, "cpu")
    batch = latency.batches(model, 1)[0]
    allowed = diff.ANOTHER_DEVICE * agreement.allowed(agreement.sensitivity(model.classifier, model.info, batch)[1])
    module = _network(model)
    plain, on_cpu = (
        model.classifier.logits(batch),
        layers.calls(EagerClassifier(module, "float32", "cpu"), batch, _some),
    )
    classifier = EagerClassifier(module, "float32", device)
    on_card = layers.calls(classifier, batch, _some)
    distance = agreement.distance(plain, classifier.logits(batch))
    reduced = {
        precision: agreement.distance(plain, EagerClassifier(copy.deepcopy(module), precision, device).logits(batch))
        for precision in ("float16", "bfloat16")
    }
    if not distance <= allowed:
        raise AssertionError(f"logits are {distance:.2g} standard deviations apart, {allowed:.2g} allowed")
    return {"logits": distance, "allowed": allowed, **reduced, **_by_layer(on_cpu, on_card)}


def _network(model: Model) -> Any:
    module = model.classifier.module
    module.eval()
    return module


def _some(tensor: torch.Tensor) -> torch.Tensor:
    """Values of a tensor, in their logical order whatever their order in memory is."""
    flat = tensor.detach().float().reshape(-1)
    return flat[:: max(1, len(flat) // VALUES)].cpu().clone()  # what follows may change them in place


def _by_layer(on_cpu: Sequence[Call], on_card: Sequence[Call]) -> Mapping[str, Any]:
    """The distance of every module's output, and the modules that add most to that of their input."""
    layers: dict[str, float] = {}
    added: dict[str, float] = {}
    for one, other in zip(on_cpu, on_card, strict=True):
        name = one.name or "the network itself"
        layers[name] = _apart(one.after, other.after)
        added[str(one)] = layers[name] - _apart(one.before, other.before)
    farthest = sorted(added, key=lambda name: -added[name])[:FARTHEST]
    return {"layers": layers, "added_most": {name: added[name] for name in farthest}}


def _apart(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    """The largest distance of two tensors of a module, in standard deviations of the first."""
    pairs = zip(one, other, strict=True)
    return max((float((b - a).abs().max()) / (float(a.std(correction=0)) or 1.0) for a, b in pairs), default=0.0)
