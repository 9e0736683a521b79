"""The NumPy EfficientNets: a torchvision network of the same architecture holds the weights, and is not run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import light_imports, reference
from imgcls.errors import ConfigError
from imgcls.models.sources import base, torchvision
from imgcls.models.sources.base import Licence, Source
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList

if TYPE_CHECKING:
    from torch import nn


class ReferenceSource(Source):
    """``reference:NAME``; but for its small variant, names and published weights are torchvision's."""

    libraries = ("torchvision", "numpy")
    own_files = ("reference/*.py",)
    traceable = True

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        return ("imgcls.models.runtimes.numpy",)

    def build(self, spec: ModelSpec) -> Any:
        return torch_efficientnet(reference.variant(spec.architecture.name, **_class_count(spec)))

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        return base.from_file(spec, self.published_file(spec))

    def published_file(self, spec: ModelSpec) -> Path:
        return torchvision.SOURCE.published_file(spec)

    def licence(self, spec: ModelSpec) -> Licence | None:
        return torchvision.SOURCE.licence(spec)

    def input_spec(self, spec: ModelSpec) -> InputSpec | None:
        return torchvision.SOURCE.input_spec(spec) if _is_published(spec) else None

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        return torchvision.SOURCE.label_list(spec) if _is_published(spec) else None

    def channels(self, spec: ModelSpec) -> int | None:  # noqa: ARG002 - the same for all
        return 3


SOURCE = ReferenceSource()


def torch_efficientnet(architecture: reference.Architecture) -> nn.Module:
    """The network, with the names of :func:`imgcls.reference.shapes` and the values that torchvision starts with."""
    from torch import nn

    light_imports.torchvision()
    from torchvision.models.efficientnet import EfficientNet, MBConv, MBConvConfig
    from torchvision.ops.misc import SqueezeExcitation

    def block(config: Any, dropped: float, norm: Any) -> Any:
        squeezed = max(1, int(config.input_channels * architecture.squeeze))

        def excitation(channels: int, _: int, activation: Any) -> Any:
            return SqueezeExcitation(channels, squeezed, activation)

        return MBConv(config, dropped, norm, excitation)

    network: nn.Module = EfficientNet(
        [
            MBConvConfig(s.expansion, s.kernel, s.stride, s.channels_in, s.channels_out, s.blocks, block=block)
            for s in architecture.stages
        ],
        architecture.dropout,
        architecture.stochastic_depth,
        architecture.classes,
        partial(nn.BatchNorm2d, eps=architecture.eps, momentum=architecture.momentum),
    )
    return network


def _class_count(spec: ModelSpec) -> dict[str, int]:
    """The one option that the reference has. Raises ConfigError for others."""
    if other := spec.options.keys() - {"num_classes"}:
        raise ConfigError(f"[models.{spec.name}] options: {spec.arch} has only num_classes, not {', '.join(other)}")
    return {"classes": spec.options["num_classes"]} if spec.options else {}


def _is_published(spec: ModelSpec) -> bool:
    """Whether torchvision publishes weights of it. Raises ConfigError for a name that the reference does not have."""
    models = light_imports.torchvision("torchvision.models")
    reference.variant(spec.architecture.name)
    return spec.architecture.name in models.list_models(module=models)
