"""Timm's networks, with the weights and the preprocessing of its pretrained configurations."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imgcls import light_imports
from imgcls.data import class_lists
from imgcls.data.wordnet import WNID
from imgcls.errors import ConfigError, ModelError
from imgcls.models.sources import base, sizes, timm_names
from imgcls.models.sources.base import Licence, Source
from imgcls.models.weights import fit, reader
from imgcls.models.weights.fingerprints import AUXILIARY_HEADS
from imgcls.records.config import InputSpec, ModelSpec, PublishedWeights
from imgcls.records.data import LabelList

SIZE_OPTION = "img_size"


class TimmSource(Source):
    """``timm:NAME``, where the name may have a tag of published weights; ``timm:hf-hub:…``; ``timm:local-dir:…``."""

    libraries = ("timm",)
    traceable = True

    def build(self, spec: ModelSpec) -> Any:
        return _created(spec)

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """The state dict is fitted to the network as timm's own loader does."""
        _require_own_head(spec)
        file = self.published_file(spec)
        state = fit.without_wrappers(reader.read(file).tensors)
        file_sha256 = base.checked_sha256(spec, file)
        try:
            module = _created(spec, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
        except TypeError as error:
            raise base.build_error(spec, error) from error
        except (ValueError, AssertionError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"[models.{spec.name}] {file} does not fit {spec.arch}: {base.first_lines(error)}"
            ) from error
        module.pretrained_cfg.pop("state_dict", None)
        return module, file_sha256

    def published_file(self, spec: ModelSpec) -> Path:
        return timm_names.weights_file(spec)

    def licence(self, spec: ModelSpec) -> Licence | None:
        stated = timm_names.resolve(spec).config.license
        return Licence(stated, "timm's configuration of the weights") if stated else None

    def ignored_weights(self, spec: ModelSpec) -> tuple[str, ...]:
        return AUXILIARY_HEADS if spec.architecture.name == "inception_v3" else ()

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:
        """timm's own evaluation transform (``transforms_imagenet_eval``) at its test input size, or at ``img_size``."""
        data = _data(spec)
        height, width = sizes.given(spec, SIZE_OPTION) or data["input_size"][1:]
        scale = (int(height / data["crop_pct"]), int(width / data["crop_pct"]))
        return InputSpec(
            resize=scale,
            crop=(height, width),
            crop_mode=data["crop_mode"],
            interpolation=data["interpolation"],
            mean=tuple(data["mean"]),  # a list where a configuration was read from JSON
            std=tuple(data["std"]),
        )

    def crop_pct(self, spec: ModelSpec) -> float | None:
        return float(_data(spec)["crop_pct"])

    def channels(self, spec: ModelSpec) -> int | None:
        return int(spec.options.get("in_chans", _data(spec)["input_size"][0]))

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        config = timm_names.resolve(spec).config
        if config.label_names:
            return _own_labels(spec.architecture.name, config.label_names, config.label_descriptions or {})
        subset = light_imports.timm("timm.data").infer_imagenet_subset(config.to_dict())
        return class_lists.imagenet(subset) if subset else None

    def notes(self, spec: ModelSpec) -> tuple[str, ...]:
        name, current = spec.architecture.name, timm_names.current(spec.architecture.name)
        renamed = () if name == current else (f"timm's name of {name} is {current} today",)
        return (*renamed, *_adapted(spec)) if isinstance(spec.weights_source, PublishedWeights) else renamed

    def require_classifier(self, spec: ModelSpec) -> None:
        timm_names.require_classifier(spec)

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:  # noqa: ARG002 - the file states it all
        return timm_names.own_files(spec)


SOURCE = TimmSource()


def _created(spec: ModelSpec, **settings: Any) -> Any:
    """Timm's network. Raises ConfigError for sizes that contradict each other, and what timm raises."""
    timm, network = light_imports.timm(), timm_names.resolve(spec)
    options = {**network.arguments, **spec.options}
    size = sizes.implied(spec, SIZE_OPTION) if _has_fixed_size(network.config, options) else None
    if size is None or size == tuple(network.config.input_size[1:]):
        return timm.create_model(network.name, pretrained_cfg=network.overriding, **settings, **options)
    try:
        return timm.create_model(
            network.name, pretrained_cfg=network.overriding, **settings, **options, img_size=sizes.shortest(size)
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise sizes.fixed(spec, tuple(network.config.input_size[1:]), error) from error


def _adapted(spec: ModelSpec) -> Iterator[str]:
    """What timm's own loader changes of published weights, so that they fit the options or the crop."""
    network = timm_names.resolve(spec)
    channels, *published = network.config.input_size
    if spec.options.get("in_chans", channels) != channels:
        yield f"timm adapts the first layer of weights for {channels} channels to {spec.options['in_chans']}"
    size = sizes.given(spec, SIZE_OPTION) or sizes.implied(spec, SIZE_OPTION)
    if size and size != tuple(published) and _has_fixed_size(network.config, {**network.arguments, **spec.options}):
        before, after = (" x ".join(map(str, sides)) for sides in (published, size))
        yield f"timm resamples the position embeddings of weights for {before} to {after}"


def _has_fixed_size(config: Any, options: Mapping[str, Any]) -> bool:
    """Whether a network takes images of one size only: timm's own rule (``resolve_model_input_args``)."""
    takes_others = options.get("dynamic_img_size") or options.get("use_naflex") or not options.get("strict_img_size", 1)
    return bool(config.fixed_input_size) and not takes_others


def _require_own_head(spec: ModelSpec) -> None:
    """Raise ConfigError where options request another number of classes than the published weights have."""
    classes = timm_names.resolve(spec).config.num_classes
    if spec.options.get("num_classes", classes) != classes:
        raise ConfigError(
            f"[models.{spec.name}] the published weights of {spec.architecture.name} have {classes} "
            f"classes, and options request {spec.options['num_classes']}: a head is never replaced by random values"
        )


def _own_labels(source: str, names: Any, descriptions: Mapping[str, str]) -> LabelList:
    """The classes that a pretrained configuration lists; WordNet ids are described there, too."""
    listed = tuple(map(str, names))
    if not all(WNID.fullmatch(name) for name in listed):
        return LabelList(source, listed)
    return LabelList(source, tuple(descriptions.get(name, name) for name in listed), listed)


def _data(spec: ModelSpec) -> Any:
    config = timm_names.resolve(spec).config.to_dict()
    return light_imports.timm("timm.data").resolve_data_config({}, pretrained_cfg=config, use_test_size=True)
