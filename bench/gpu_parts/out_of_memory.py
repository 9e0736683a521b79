"""A batch that does not fit: it is halved, and the predictions are those of before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gpu_parts.scene import Scene
from gpu_parts.steps import Steps

if TYPE_CHECKING:
    import torch

    from imgcls.models.model import Model

SHARES = (0.8, 0.6, 0.4, 0.25, 0.15)
"""Parts of the memory that a batch takes in addition to the weights, which are left to it in turn."""


def measure(scene: Scene, steps: Steps) -> None:
    """Both with torch's own limit of a process, so that its allocator itself is what refuses."""
    for name, spec in list(scene.models().items())[:2]:
        from imgcls.models import loader

        steps.take(name, partial(_halved, loader.load(spec, scene.device)))


def _halved(model: Model) -> Mapping[str, Any]:
    import torch

    from imgcls.evaluation import agreement
    from imgcls.models import inference

    size = inference.batch_size(model.info)
    batch = torch.randn(size, *model.info.input.shape, generator=torch.Generator().manual_seed(0))
    plain, weights, peak = _measured(model, batch)
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        for share in SHARES:
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction((weights + share * max(0, peak - weights)) / total)
            halved = inference.logits(model.classifier, model.info, batch)
            if model.classifier.max_batch_size:
                break
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    if not model.classifier.max_batch_size:
        raise AssertionError(f"nothing ran out of memory: {peak} bytes of a batch of {size}, {weights} before it")
    distance, allowed = agreement.distance(plain, halved), agreement.MIN_TOLERANCE["float32"]
    changed = agreement.prediction_change(plain, halved)
    if changed.top1 or not distance <= 10 * allowed:
        raise AssertionError(f"logits are {distance:.2g} standard deviations apart, {changed.top1} best classes differ")
    figures = {"images": size, "at_once": model.classifier.max_batch_size, "left": share, "distance": distance}
    return {**figures, "top1_changed": changed.top1, "top5_changed": changed.top5}


def _measured(model: Model, batch: torch.Tensor) -> tuple[Any, int, int]:
    """The logits of a batch, the bytes that were allocated before it, and the most that were reserved for it."""
    import torch

    from imgcls.models import inference

    inference.logits(model.classifier, model.info, batch)  # kernels are loaded
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    logits = inference.logits(model.classifier, model.info, batch)
    return logits, before, torch.cuda.max_memory_reserved()
