"""What a network expects and what its outputs are called: as its source publishes it, or as configured."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from imgcls import messages
from imgcls.data import labels
from imgcls.data.labels import IMAGENET_SUBSETS
from imgcls.errors import ConfigError, LabelError
from imgcls.models.sources import base as sources
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList


def architecture(name: str) -> str:
    """The full name of an architecture: itself where it names its source, else torchvision's, else timm's.

    Raises ConfigError, naming the nearest, where neither has a bare name.
    """
    if ":" in name:
        return name
    import timm
    from torchvision import models

    known = models.list_models(module=models)
    if name in known:
        return f"torchvision:{name}"
    if timm.is_model(name.partition(".")[0]):
        return f"timm:{name}"
    every = dict.fromkeys([*known, *timm.list_models()])
    raise ConfigError(f"neither torchvision nor timm has a model '{name}'{messages.nearest_three(name, every)}")


def input_spec(spec: ModelSpec) -> InputSpec:
    """What the architecture's weights state, overridden key by key by ``[models.NAME.input]``.

    Raises ConfigError where neither states it (a network of one's own has no published settings).
    """
    published = sources.of(spec).input_spec(spec)
    if published is not None:
        return _overridden(published, spec.input)
    needed = {f.name for f in fields(InputSpec)} - {"crop_mode"}
    if missing := sorted(needed - set(spec.input)):
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} publishes no input settings: "
            f"give {', '.join(missing)} in [models.{spec.name}.input]"
        )
    return _overridden(InputSpec(**{"crop_mode": "center", **spec.input}), spec.input)


def _overridden(default: InputSpec, given: Mapping[str, Any]) -> InputSpec:
    """Sizes in the one form that each crop mode has, so that equal specs compare equal."""
    squashed = {"crop_mode": "squash"} if isinstance(given.get("resize"), tuple) else {}
    spec = replace(default, **{**squashed, **given})
    resize, crop = spec.resize, spec.crop
    if spec.crop_mode != "center" and isinstance(resize, int):
        resize = (resize, resize)
    elif spec.crop_mode == "center" and isinstance(resize, tuple) and resize[0] == resize[1]:
        resize = resize[0]
    return replace(spec, resize=resize, crop=(crop, crop) if isinstance(crop, int) else crop)


def crop_pct(spec: ModelSpec, resolved: InputSpec) -> float:
    """Timm's ratio of crop to resized image: its own where the input is its own, else that of the heights."""
    published = None if spec.input else sources.of(spec).crop_pct(spec)
    resized = resolved.resize if isinstance(resolved.resize, int) else resolved.resize[0]
    return round(resolved.crop[0] / resized, 4) if published is None else published


def label_list(spec: ModelSpec) -> LabelList:
    """The names behind the class numbers of a model. Raises LabelError where nothing states them."""
    if isinstance(spec.labels, Path):
        return labels.read_label_list(spec.labels)
    if spec.labels == "digits":
        from imgcls.data.digits import NAMES

        return LabelList("digits", NAMES)
    if spec.labels is not None:
        return labels.imagenet(IMAGENET_SUBSETS[spec.labels])
    published = sources.of(spec).label_list(spec)
    if published is None:
        raise LabelError(f"[models.{spec.name}] nothing states what the outputs of {spec.arch} are: set `labels`")
    return published
