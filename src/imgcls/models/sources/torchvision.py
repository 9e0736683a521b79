"""Torchvision's classifiers, with the weights and the preprocessing of its weights enums."""

from collections.abc import Mapping
from typing import Any

from imgcls import messages
from imgcls.data import labels
from imgcls.errors import ConfigError
from imgcls.models.sources import base
from imgcls.models.sources.base import Source
from imgcls.models.weights import download
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList

PUBLISHED_VARIANT: Mapping[str, Mapping[str, Any]] = {
    "googlenet": {"transform_input": True, "aux_logits": False, "init_weights": False},
    "inception_v3": {"transform_input": True, "aux_logits": False, "init_weights": False},
}
"""Arguments that torchvision sets itself when it builds these two with published weights."""


AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")
"""Prefixes of heads that published files of these two hold, and that only training uses."""


class TorchvisionSource(Source):
    """``torchvision:NAME``."""

    libraries = ("torchvision",)
    traceable = True

    def build(self, spec: ModelSpec) -> Any:
        from torchvision import models

        name = spec.architecture.name
        return models.get_model(name, weights=None, **{**PUBLISHED_VARIANT.get(name, {}), **spec.options})

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        return base.from_file(spec, download.from_url(entry(spec).url))

    def ignored_weights(self, spec: ModelSpec) -> tuple[str, ...]:
        return AUXILIARY_HEADS if spec.architecture.name in PUBLISHED_VARIANT else ()

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:
        transform = entry(spec).transforms()
        return InputSpec(
            resize=transform.resize_size[0],
            crop=(transform.crop_size[0], transform.crop_size[0]),
            crop_mode="center",
            interpolation=transform.interpolation.value,
            mean=tuple(transform.mean),
            std=tuple(transform.std),
        )

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        categories = entry(spec).meta["categories"]
        if len(categories) == 1000:
            return labels.imagenet("imagenet-1k")
        return LabelList(spec.architecture.name, tuple(categories))


SOURCE = TorchvisionSource()


def entry(spec: ModelSpec) -> Any:
    """An entry of torchvision's weights enum: the tag's, or the architecture's default.

    Raises ConfigError, naming the nearest, for an architecture or a tag that torchvision does not have.
    """
    from torchvision import models

    name, tag = spec.architecture.name, base.published_tag(spec)
    known = models.list_models(module=models)
    if name not in known:
        raise ConfigError(f"torchvision has no classifier '{name}'{messages.nearest_three(name, known)}")
    weights = models.get_model_weights(name)
    if tag is None:
        return weights.DEFAULT
    if tag not in weights.__members__:
        raise ConfigError(f"torchvision publishes no '{tag}' of {name}; it has {', '.join(weights.__members__)}")
    return weights[tag]
