"""What a network expects and what its outputs are called, from torchvision's and timm's own records."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from imgcls import reference
from imgcls.errors import ConfigError, LabelError
from imgcls.records import InputSpec, LabelList, ModelSpec

IMAGENET_SUBSETS = {"imagenet-1k": "imagenet-1k", "imagenet-21k": "imagenet-21k-goog"}
"""Our names of timm's lists; the 21 843 classes are those of Google's ImageNet-21k networks."""


def published_tag(spec: ModelSpec) -> str | None:
    """The tag of published weights that ``weights`` names; None where it names something else."""
    weights = spec.weights
    is_tag = isinstance(weights, str) and weights != "pretrained" and ":" not in weights
    return str(weights) if is_tag else None


def architecture(name: str) -> str:
    """The full name of an architecture given by its bare one: torchvision's where it has it, else timm's.

    Raises ConfigError, naming the nearest, where neither has it.
    """
    import timm
    from torchvision import models

    known = models.list_models(module=models)
    if name in known:
        return f"torchvision:{name}"
    if timm.is_model(name.partition(".")[0]):
        return f"timm:{name}"
    every = dict.fromkeys([*known, *timm.list_models()])
    raise ConfigError(f"neither torchvision nor timm has a model '{name}'{_nearest(name, every)}")


def input_spec(spec: ModelSpec) -> InputSpec:
    """What the architecture's weights say, overridden key by key by ``[models.NAME.input]``.

    Raises ConfigError where neither says it (a network of one's own has no published settings).
    """
    kind, _, name = spec.arch.partition(":")
    if _is_torchvisions(kind, name):
        return _overridden(_torchvision_input(torchvision_weights(name, published_tag(spec))), spec.input)
    if kind == "timm":
        return _overridden(_timm_input(timm_config(name, published_tag(spec))), spec.input)
    needed = {f.name for f in fields(InputSpec)} - {"crop_mode"}
    if missing := sorted(needed - set(spec.input)):
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} publishes no input settings: "
            f"give {', '.join(missing)} in [models.{spec.name}.input]"
        )
    return _overridden(InputSpec(**{"crop_mode": "center", **spec.input}), spec.input)


def _is_torchvisions(kind: str, name: str) -> bool:
    """Whether torchvision publishes weights of it; the reference's names are torchvision's, but for its small one.

    Raises ConfigError for a name that the reference does not have.
    """
    from torchvision import models

    if kind == "reference":
        reference.variant(name)
        return name in models.list_models(module=models)
    return kind == "torchvision"


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


def torchvision_weights(name: str, tag: str | None) -> Any:
    """An entry of torchvision's weights enum: the tag's, or the architecture's default.

    Raises ConfigError, naming the nearest, for an architecture or a tag that torchvision does not have.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise ConfigError(f"torchvision has no classifier '{name}'{_nearest(name, known)}")
    weights = models.get_model_weights(name)
    if tag is None:
        return weights.DEFAULT
    if tag not in weights.__members__:
        raise ConfigError(f"torchvision publishes no '{tag}' of {name}; it has {', '.join(weights.__members__)}")
    return weights[tag]


def timm_config(name: str, tag: str | None) -> Any:
    """timm's pretrained configuration of an architecture, whose tag is part of ``name`` or given.

    Raises ConfigError, naming the nearest, for an architecture or a tag that timm does not have.
    """
    import timm

    arch, _, own_tag = name.partition(".")
    if not timm.is_model(arch):
        raise ConfigError(f"timm has no architecture '{arch}'{_nearest(arch, timm.list_models())}")
    full_name = f"{arch}.{tag or own_tag}".rstrip(".")
    try:
        return timm.models.get_pretrained_cfg(full_name, allow_unregistered=False)
    except RuntimeError as error:
        tags = [n.partition(".")[2] for n in timm.list_pretrained(f"{arch}.*")]
        raise ConfigError(f"timm publishes no '{full_name}'; tags of {arch}: {', '.join(tags) or 'none'}") from error


def _torchvision_input(weights: Any) -> InputSpec:
    transform = weights.transforms()
    return InputSpec(
        resize=transform.resize_size[0],
        crop=(transform.crop_size[0], transform.crop_size[0]),
        crop_mode="center",
        interpolation=transform.interpolation.value,
        mean=tuple(transform.mean),
        std=tuple(transform.std),
    )


def crop_pct(spec: ModelSpec, resolved: InputSpec) -> float:
    """Timm's ratio of crop to resized picture: its own where the input is its own, else that of the heights."""
    kind, _, name = spec.arch.partition(":")
    if kind == "timm" and not spec.input:
        return float(_timm_data(timm_config(name, published_tag(spec)))["crop_pct"])
    resized = resolved.resize if isinstance(resolved.resize, int) else resolved.resize[0]
    return round(resolved.crop[0] / resized, 4)


def _timm_data(config: Any) -> Any:
    from timm.data import resolve_data_config

    return resolve_data_config({}, pretrained_cfg=config.to_dict(), use_test_size=True)


def _timm_input(config: Any) -> InputSpec:
    """timm's own evaluation transform (``transforms_imagenet_eval``) at its test input size."""
    data = _timm_data(config)
    _, height, width = data["input_size"]
    scale = (int(height / data["crop_pct"]), int(width / data["crop_pct"]))
    return _overridden(
        InputSpec(scale, (height, width), data["crop_mode"], data["interpolation"], data["mean"], data["std"]), {}
    )


def label_list(spec: ModelSpec) -> LabelList:
    """The names behind the class numbers of a model. Raises LabelError where nothing says them."""
    if isinstance(spec.labels, Path):
        return _from_file(spec.labels)
    if spec.labels == "digits":
        from imgcls.digits import NAMES

        return LabelList("digits", NAMES)
    if spec.labels is not None:
        return imagenet(IMAGENET_SUBSETS[spec.labels])
    return _published_labels(spec)


def _published_labels(spec: ModelSpec) -> LabelList:
    kind, _, name = spec.arch.partition(":")
    if _is_torchvisions(kind, name):
        categories = torchvision_weights(name, published_tag(spec)).meta["categories"]
        return imagenet("imagenet-1k") if len(categories) == 1000 else LabelList(name, tuple(categories))
    if kind == "timm":
        from timm.data import infer_imagenet_subset

        config = timm_config(name, published_tag(spec))
        if config.label_names:
            return LabelList(name, tuple(config.label_names))
        if subset := infer_imagenet_subset(config.to_dict()):
            return imagenet(subset)
    raise LabelError(f"[models.{spec.name}] nothing says what the outputs of {spec.arch} are: set `labels`")


@cache
def imagenet(subset: str) -> LabelList:
    """One of timm's ImageNet lists: WordNet ids, and their lemmas as names; read once for all models."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo(subset)
    return LabelList(subset, tuple(info.label_descriptions()), tuple(info.label_names()))


def _from_file(file: Path) -> LabelList:
    """A text file with one class name per line, in the order of the outputs."""
    try:
        names = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{file}: the label list cannot be read: {error}") from error
    if not names or not all(name.strip() for name in names):
        raise LabelError(f"{file}: a label list has one class name per line and no empty line")
    return LabelList(str(file), tuple(name.strip() for name in names))


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; nearest: {', '.join(close)}" if close else ""
