"""What changes with published weights, of the models whose weights are random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from imgcls.models.sources import statement, timm_names, torchvision
from imgcls.records.config import ModelSpec
from imgcls.reporting import markdown_text
from imgcls.reporting.lab import figures
from imgcls.reporting.lab.contents import Contents
from imgcls.reporting.lab.models import PUBLISHERS

IMAGENET = "ImageNet-1K"
"""What torchvision calls the validation images of ILSVRC 2012."""


def blocks(contents: Contents) -> Iterator[str]:
    """What these weights leave open, and which ones are published; nothing where all models are trained."""
    specs = [contents.specs[model] for model in contents.untrained]
    if not specs:
        return
    lines = " or ".join(dict.fromkeys(f'weights = "{spec.weights}"' for spec in specs))
    yield (
        "Random weights need no download. A model whose table in the configuration has no line "
        f"{markdown_text.escaped(lines)} has its published weights, which are fetched once. What changes then: "
        f"{_predicted(contents)} the five best classes and their probabilities, of the whole set and of each image. "
        "What does not change, but for the noise of measurements: time, memory and operators, which depend on the "
        "architecture and not on the values of its weights.\n"
    )
    yield markdown_text.items(f"{spec.name}: {weights(spec)}" for spec in specs)


def _predicted(contents: Contents) -> str:
    return "every accuracy, which model is better," if contents.has_accuracy else ""


def weights(spec: ModelSpec) -> str:
    """Where the published weights of a model come from, and what their publisher states of them."""
    source, name = statement.publisher(spec.architecture), spec.architecture.name
    published = replace(spec, weights=None)
    if source == "torchvision" and statement.is_published(spec.architecture):
        return _of_torchvision(torchvision.entry(published))
    if source == "timm" and statement.is_published(spec.architecture):
        return _of_timm(timm_names.resolve(published).config)
    if source in PUBLISHERS:
        return f"those that {name} has at {source}"
    return 'none are published of this architecture; name a file, as in weights = "best.safetensors"'


def _of_torchvision(entry: Any) -> str:
    """An entry of one of its enums, which gives sizes in MiB."""
    size = f"{entry.name} of torchvision, {entry.meta['_file_size'] * 2**20 / 1e6:.1f} MB"
    accuracy = entry.meta["_metrics"].get(IMAGENET)
    if not accuracy:
        return size
    top1, top5 = (figures.per_cent(accuracy[name]) for name in ("acc@1", "acc@5"))
    return f"{size}; as published, top-1 {top1} % and top-5 {top5} % on the validation images of ImageNet-1k"


def _of_timm(config: Any) -> str:
    """timm's configuration of pretrained weights."""
    where = f"{config.hf_hub_id} on the Hugging Face hub" if config.hf_hub_id else str(config.url or "none")
    return f"{where}, licence {config.license}" if config.license else where
