"""What a network expects and what its outputs are called: as its source publishes it, or as configured."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from imgcls import light_imports, messages
from imgcls.data import class_lists
from imgcls.errors import ConfigError, ImgclsError
from imgcls.models import channels
from imgcls.models.sources import base as sources
from imgcls.models.sources import statement
from imgcls.models.weights import publications
from imgcls.records.config import InputSpec, ModelSpec, PublishedWeights, RandomWeights
from imgcls.records.data import LabelList


def architecture(name: str) -> str:
    """The full name of an architecture: itself where it names its source, else torchvision's, else timm's.

    Raises ConfigError, naming the nearest, where neither has a bare name.
    """
    if ":" in name:
        return name
    if publications.is_torchvisions(name):
        return f"torchvision:{name}"
    if publications.is_timms(name.partition(".")[0]):
        return f"timm:{name}"
    # for a name that is registered otherwise than by the function that builds it, and for the nearest
    timm, models = light_imports.timm(), light_imports.torchvision("torchvision.models")
    known = models.list_models(module=models)
    if name in known:
        return f"torchvision:{name}"
    if timm.is_model(name.partition(".")[0]):
        return f"timm:{name}"
    every = dict.fromkeys([*known, *timm.list_models()])
    raise ConfigError(f"neither torchvision nor timm has a model '{name}'{messages.nearest_three(name, every)}")


def input_spec(spec: ModelSpec) -> InputSpec:
    """Key by key what the configuration gives, else what the weights file states, else what the source publishes.

    Raises ConfigError where nothing states it (a network of one's own has no published settings).
    """
    published, given = sources.of(spec).input_spec(spec), given_input(spec)
    if published is not None:
        return channels.fitted(spec, _overridden(published, given), sources.of(spec).channels(spec))
    needed = {f.name for f in fields(InputSpec)} - {"crop_mode", "function"}
    if missing := sorted(needed - set(given)):
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} publishes no input settings: "
            f"give {', '.join(missing)} in [models.{spec.name}.input], or the network a function `preprocess`"
        )
    whole = _overridden(InputSpec(**{"crop_mode": "center", **given}), given)
    return channels.fitted(spec, whole, sources.of(spec).channels(spec))


def given_input(spec: ModelSpec) -> dict[str, Any]:
    """The keys of the input that the configuration gives, or else the weights file states."""
    return {**statement.of(spec).input, **_configured(spec)}


def input_notes(resolved: InputSpec) -> tuple[str, ...]:
    """What is hardly meant in an input, a sentence each: constants of pixels up to 255."""
    most = max(*resolved.mean, *resolved.std)
    if resolved.function is not None or most <= 1:
        return ()
    step = "divide mean and std by 255"
    return (f"a mean or std of {most:g} is of pixels from 0 to 255; they are from 0 to 1 here, so {step}",)


def input_sources(spec: ModelSpec, resolved: InputSpec) -> dict[str, str]:
    """Where each part of an input comes from: ``configuration``, the name of a file, a library, or a guess."""
    if resolved.function is not None:
        return {"function": "the network"}
    own = sources.of(spec).input_sources(spec)
    known = {**own, **statement.of(spec).sources, **dict.fromkeys(_configured(spec), "configuration")}
    default = _default_source(spec)
    return {f.name: known.get(f.name, default) for f in fields(InputSpec) if f.name != "function"}


def _configured(spec: ModelSpec) -> dict[str, Any]:
    """The keys that the configuration gives; both sides of an image at once mean that it is squashed."""
    squashed = {"crop_mode": "squash"} if isinstance(spec.input.get("resize"), tuple) else {}
    return {**squashed, **spec.input}


def _default_source(spec: ModelSpec) -> str:
    if sources.of(spec).input_spec(spec) is None:
        return "guessed: the usual one"
    if isinstance(spec.weights_source, PublishedWeights | RandomWeights):
        return statement.publisher(spec.architecture)
    return "guessed: default of the architecture"


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
    published = None if given_input(spec) else sources.of(spec).crop_pct(spec)
    resized = resolved.resize if isinstance(resolved.resize, int) else resolved.resize[0]
    return round(resolved.crop[0] / resized, 4) if published is None else published


def label_list(spec: ModelSpec, saved: LabelList | None = None) -> LabelList:
    """The names behind the class numbers of a model, ``class_lists.UNSTATED`` where nothing states any.

    ``saved``: what a training script saved in the weights file. Raises LabelError for a file that holds no names, and
    ConfigError for what is published as no classifier.
    """
    sources.of(spec).require_classifier(spec)
    if spec.labels is not None:
        return class_lists.stated(spec.labels)
    return statement.of(spec).labels or saved or _published_labels(spec) or class_lists.UNSTATED


def _published_labels(spec: ModelSpec) -> LabelList | None:
    """The classes that are published for an architecture; None where its weights are others, for another number."""
    published = sources.of(spec).label_list(spec)
    if published is None or isinstance(spec.weights_source, PublishedWeights):
        return published
    count = len(published.names)
    return published if spec.options.get("num_classes", count) == count else None


def with_lists_like(labels: LabelList, specs: Iterable[ModelSpec]) -> list[str]:
    """The models whose classes one map file can name: by WordNet ids where this list has them, else by names."""
    names = []
    for spec in specs:
        with suppress(ImgclsError):  # of a model that will fail for itself
            other = label_list(spec)
            if other.names and bool(other.wnids) == bool(labels.wnids):
                names.append(spec.name)
    return names
