"""Torchvision's classifiers, with the weights and the preprocessing of its weights enums."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imgcls import light_imports, messages
from imgcls.data import class_lists
from imgcls.errors import ConfigError
from imgcls.models.sources import base, sizes
from imgcls.models.sources.base import Licence, Source
from imgcls.models.weights.fingerprints import AUXILIARY_HEADS
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList

PUBLISHED_VARIANT: Mapping[str, Mapping[str, Any]] = {
    "googlenet": {"transform_input": True, "aux_logits": False, "init_weights": False},
    "inception_v3": {"transform_input": True, "aux_logits": False, "init_weights": False},
}
"""Arguments that torchvision sets itself when it builds these two with published weights."""


FIXED_SIZES = {"vit_": "image_size", "maxvit_": "input_size"}
"""The option for the size of the images, by the beginning of the names of networks that take one size only."""


SIZE_OPTIONS: Mapping[str, Callable[[sizes.Size], Any]] = {"image_size": sizes.shortest, "input_size": tuple}
"""The form of that option: a number of pixels, or (h, w)."""


FEATURES = "IMAGENET1K_FEATURES"
"""The tag of weights without a head."""


class TorchvisionSource(Source):
    """``torchvision:NAME``."""

    libraries = ("torchvision",)
    traceable = True

    def build(self, spec: ModelSpec) -> Any:
        models = light_imports.torchvision("torchvision.models")
        name, option = spec.architecture.name, _size_option(spec)
        options: dict[str, Any] = {**PUBLISHED_VARIANT.get(name, {}), **spec.options}
        if option is None:
            return models.get_model(name, weights=None, **options)
        size, published = sizes.implied(spec, option), _published_size(spec)
        options[option] = SIZE_OPTIONS[option](size or sizes.given(spec, option) or published)
        try:
            return models.get_model(name, weights=None, **options)
        except (TypeError, ValueError, AssertionError, RuntimeError) as error:
            if size is None:
                raise
            raise sizes.fixed(spec, published, error) from error

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        return base.from_file(spec, self.published_file(spec))

    def published_file(self, spec: ModelSpec) -> Path:
        from imgcls.models.weights import download  # which imports what requests files

        return download.from_url(entry(spec).url, access=spec.access)

    def licence(self, spec: ModelSpec) -> Licence | None:
        stated = entry(spec).meta.get("license")
        return Licence(stated, "torchvision's metadata of the weights") if stated else None

    def ignored_weights(self, spec: ModelSpec) -> tuple[str, ...]:
        return AUXILIARY_HEADS if spec.architecture.name in PUBLISHED_VARIANT else ()

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:
        transform, option = entry(spec).transforms(), _size_option(spec)
        resize, side = transform.resize_size[0], transform.crop_size[0]
        size = sizes.given(spec, option) if option else None
        return InputSpec(
            resize=resize if size is None else resize * min(size) // side,
            crop=size or (side, side),
            crop_mode="center",
            interpolation=transform.interpolation.value,
            mean=tuple(transform.mean),
            std=tuple(transform.std),
        )

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        categories = entry(spec).meta["categories"]
        if categories is None:
            return None
        if len(categories) == 1000:
            return class_lists.imagenet("imagenet-1k")
        return LabelList(spec.architecture.name, tuple(categories))

    def channels(self, spec: ModelSpec) -> int | None:  # noqa: ARG002 - the same for all
        return 3

    def require_classifier(self, spec: ModelSpec) -> None:
        if base.published_tag(spec) == FEATURES and FEATURES in (tags := _weights(spec).__members__):
            others = [tag for tag in tags if tag != FEATURES]
            raise ConfigError(
                f"[models.{spec.name}] weights: {FEATURES} of {spec.arch} are a feature extractor's: their head has "
                f'no values, and so no classes; set weights = "{others[0]}"'
            )


SOURCE = TorchvisionSource()


def entry(spec: ModelSpec) -> Any:
    """An entry of torchvision's weights enum: the tag's, or the architecture's default.

    Raises ConfigError, naming the nearest, for an architecture or a tag that torchvision does not have.
    """
    weights, tag = _weights(spec), base.published_tag(spec)
    if tag is None:
        return weights.DEFAULT
    if tag not in weights.__members__:
        name = spec.architecture.name
        raise ConfigError(f"torchvision publishes no '{tag}' of {name}; it has {', '.join(weights.__members__)}")
    return weights[tag]


def _weights(spec: ModelSpec) -> Any:
    """Torchvision's enum of an architecture's weights. Raises ConfigError, naming the nearest, where it has none."""
    models = light_imports.torchvision("torchvision.models")
    name, known = spec.architecture.name, models.list_models(module=models)
    if name not in known:
        raise ConfigError(f"torchvision has no classifier '{name}'{messages.nearest_three(name, known)}")
    return models.get_model_weights(name)


def _size_option(spec: ModelSpec) -> str | None:
    name = spec.architecture.name
    return next((option for prefix, option in FIXED_SIZES.items() if name.startswith(prefix)), None)


def _published_size(spec: ModelSpec) -> sizes.Size:
    """The (h, w) that the weights are for: without weights, torchvision itself would take another than theirs."""
    [side] = entry(spec).transforms().crop_size
    return (side, side)
