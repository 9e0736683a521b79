"""The card's memory while a model is loaded and while it classifies, next to what the model's rows add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gpu_parts.scene import Scene
from gpu_parts.steps import Steps

if TYPE_CHECKING:
    from imgcls.records.config import ModelSpec
    from imgcls.records.performance import Peak

PLANTED_BYTES = 100 * 10**6

PLANTED = f"""
import torch


class Planted(torch.nn.Module):
    def forward(self, batch):
        planted = torch.full(({PLANTED_BYTES} // 4,), 1.0, device=batch.device)
        return batch.mean((2, 3)) * planted[0]


def planted():
    return Planted()
"""


def measure(scene: Scene, steps: Steps) -> None:
    """A tensor of 100 MB that is planted first, then the seven: here, and each in a process of its own with memray."""
    spec = _planted(scene)
    steps.take("100 MB planted", partial(_measured, spec, scene, planted=True))
    steps.take("100 MB planted, by name", partial(_named, spec, scene))
    models = scene.models()
    for name, model in models.items():
        steps.take(f"{name}, by torch's own count", partial(_counted_by_torch, model, scene))
    for name, model in [] if scene.dry else models.items():
        steps.take(name, partial(_measured, model, scene))


def _planted(scene: Scene) -> ModelSpec:
    from imgcls.records.config import ModelSpec

    (scene.folder / "planted.py").write_text(PLANTED, encoding="utf-8")
    (scene.folder / "channels.txt").write_text("red\ngreen\nblue\n", encoding="utf-8")
    settings = {"resize": 8, "crop": 8, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3}
    spec = ModelSpec("planted", "python:planted:planted", input=settings, labels=scene.folder / "channels.txt")
    return replace(spec, folder=scene.folder)


def _measured(spec: ModelSpec, scene: Scene, *, planted: bool = False) -> Mapping[str, Any]:
    """Both peaks; on a card, a planted tensor is what a call takes in addition to loading."""
    from imgcls.performance import memory

    measured = memory.measure(spec, scene.device)
    figures = {"loading": _peak(measured.loading), "inference": _peak(measured.inference)}
    more = measured.inference.heap_bytes if scene.dry else _more(figures)  # what loading leaves on a host is freed
    if planted and more < PLANTED_BYTES:
        raise AssertionError(
            f"a call takes {more} bytes more than loading, and {PLANTED_BYTES} were planted: {figures}"
        )
    return {**figures, "more_bytes": more}


def _more(figures: Mapping[str, Mapping[str, Any]]) -> int:
    return int(figures["inference"]["max_allocated"] - figures["loading"]["max_allocated"])


def _peak(peak: Peak) -> Mapping[str, Any]:
    """``rest``: what torch's allocator had given out in addition to the weights."""
    weights, allocated = sum(peak.weights.values()), peak.cuda_allocated_bytes
    return {
        "weights": weights,
        "max_allocated": allocated,
        "max_reserved": peak.cuda_reserved_bytes,
        "rest": None if allocated is None else allocated - weights,
        "host_heap": peak.heap_bytes,
        "host_sites": [site.where for site in peak.sites[:3]],
    }


def _counted_by_torch(spec: ModelSpec, scene: Scene) -> Mapping[str, Any]:
    """What the figures of the other process are held against, and all there is where memray is not installed."""
    import torch

    from imgcls.models import loader

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    model = loader.load(spec, scene.device)
    loading = _allocator_peaks()
    batch = torch.zeros(1, *model.info.input.shape)
    model.classifier.logits(batch)  # kernels are loaded, and cuDNN has its workspaces
    torch.cuda.reset_peak_memory_stats()
    model.classifier.logits(batch)
    return {"weights": model.info.weight_bytes, "loading": loading, "inference": _allocator_peaks()}


def _allocator_peaks() -> Mapping[str, int]:
    import torch

    return {"max_allocated": torch.cuda.max_memory_allocated(), "max_reserved": torch.cuda.max_memory_reserved()}


def _named(spec: ModelSpec, scene: Scene) -> Mapping[str, Any]:
    """The line that made the largest tensor of a call, by what torch's allocator records."""
    import torch

    from imgcls.models import pool

    model = pool.ModelPool({spec.name: spec}, scene.device).get(spec.name)
    batch = torch.zeros(1, *model.info.input.shape)
    model.classifier.logits(batch)
    history: Any = torch.cuda.memory  # untyped
    history._record_memory_history(context="alloc", stacks="python")  # noqa: SLF001 - it has no other name
    try:
        model.classifier.logits(batch)
        snapshot = history._snapshot()  # noqa: SLF001
    finally:
        history._record_memory_history(enabled=None)  # noqa: SLF001
    size, where = largest(snapshot)
    if size < PLANTED_BYTES or not where.startswith("planted.py:"):
        raise AssertionError(f"the largest tensor has {size} bytes and is from {where}")
    return {"bytes": size, "where": where}


def largest(snapshot: Mapping[str, Any]) -> tuple[int, str]:
    """Bytes and place of the largest allocation of a snapshot: the innermost line outside of torch."""
    traces = [entry for trace in snapshot["device_traces"] for entry in trace if entry["action"] == "alloc"]
    entry = max(traces, key=lambda entry: int(entry["size"]))
    outside = [frame for frame in entry["frames"] if "torch" not in PurePath(frame["filename"]).parts]
    native: dict[str, Any] = {"filename": "native code", "line": 0, "name": "?"}
    frame = next(iter(outside or entry["frames"]), native)
    return int(entry["size"]), f"{PurePath(frame['filename']).name}:{frame['line']} in {frame['name']}"
