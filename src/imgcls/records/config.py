"""What is configured: input settings, datasets, models, gates and limits; all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NewType

from imgcls.errors import ConfigError
from imgcls.records.thresholds import Gate, LatencyGate, Margin, MemoryGate, ParityGate
from imgcls.records.weights import WeightsAccess

Interpolation = Literal["bilinear", "bicubic", "nearest", "lanczos"]


CropMode = Literal["center", "squash", "border"]


Precision = Literal["float32", "bfloat16", "float16"]


Accuracy = Literal["top1", "top5"]

Decode = Literal["exact", "fast"]

Duplicates = Literal["error", "drop", "keep_first"]


BuiltinDataset = Literal["builtin:digits"]


BUILTIN_DIGITS: Final = "builtin:digits"
"""scikit-learn's handwritten digits, as ``path`` of a dataset."""


Address = NewType("Address", str)
"""``path`` of a dataset that is not a path of this machine: a URL, or ``python:package.module:factory``."""


TensorMatch = Literal["name", "order"]


ExportFormat = Literal["onnx", "openvino", "exported", "torchscript", "tflite"]
"""The files that a network is shipped in, each also a source: ``arch = "onnx:FILE"``."""


Layout = Literal["NCHW", "NHWC"]


Returns = Literal["logits", "probabilities"]
"""What the outputs of a network in a file are: logits, or probabilities where a softmax is built in."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What happens to decoded pixels on their way into a network.

    ``resize``: for ``center`` an integer (the shorter side) or ``(h, w)`` (the smallest size of the
    image's proportions that covers it); for ``squash`` exactly ``(h, w)``; for ``border`` the
    ``(h, w)`` to fit into. ``crop``: ``(h, w)`` in pixels, taken from the middle; where the image is
    smaller it is padded with zeros (``border``: with the mean colour). ``mean`` and ``std`` are per
    channel, for pixels in [0, 1]: three of an RGB image, or one of a grey one. ``function``: the name of a network's
    own preprocessing, which then does all that; ``crop`` and the number of channels are those of its tensors.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int]
    crop_mode: CropMode
    interpolation: Interpolation
    mean: tuple[float, ...]
    std: tuple[float, ...]
    function: str | None = None

    @property
    def channels(self) -> int:
        """The number of channels of the network's input."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, h, w) of the network's input."""
        return (self.channels, *self.crop)

    @property
    def is_grey(self) -> bool:
        """Whether images become grey before anything else."""
        return self.channels == 1 and self.function is None

    def __str__(self) -> str:
        if self.function is not None:
            return f"{self.function}() of the network itself, to {' x '.join(map(str, self.shape))}"
        crop = self.crop[0] if self.crop[0] == self.crop[1] else self.crop
        mean, std = (", ".join(f"{value:g}" for value in values) for values in (self.mean, self.std))
        mode = "" if self.crop_mode == "center" else f", {self.crop_mode}"
        resize = f"{'grey | ' if self.is_grey else ''}resize({self.resize}, {self.interpolation}{mode})"
        return f"{resize} | center_crop({crop}) | normalize(({mean}), ({std}))"


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """One ``[datasets.NAME]`` table. ``path`` is a folder, a manifest, an archive, or :data:`BUILTIN_DIGITS`.

    ``columns``: the names of a manifest's columns for ``path`` and ``label``. ``folder``: where ``python:`` modules are
    looked for first. ``duplicates``: what happens to the same
    bytes under two labels. ``notes``: what was guessed where the table was read, a sentence each.
    """

    name: str
    path: Path | BuiltinDataset | Address
    labels: Literal["auto", "wnid", "name", "index"] | Path = "auto"
    golden: bool = False
    exif: Literal["ignore", "apply"] = "ignore"
    columns: Mapping[str, str] = field(default_factory=dict)
    duplicates: Duplicates = "error"
    max_megapixels: float | None = None
    notes: tuple[str, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Architecture:
    """What ``arch`` states: the name of a source of networks, and the name that this source knows the network by."""

    source: str
    name: str

    @classmethod
    def parse(cls, arch: str) -> Architecture:
        """The parts of ``SOURCE:NAME``; a part that is not given is empty."""
        source, _, name = arch.partition(":")
        return cls(source, name)


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """The weights that a source publishes under a tag, or by default."""

    tag: str | None = None


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights."""

    path: Path


@dataclass(frozen=True, slots=True)
class RandomWeights:
    """Untrained weights, see :mod:`imgcls.models.weights.random_init`."""

    seed: int


@dataclass(frozen=True, slots=True)
class BuiltinWeights:
    """A file of weights inside this package."""

    name: str


WeightsSource = PublishedWeights | WeightsFile | RandomWeights | BuiltinWeights


def parse_weights(weights: Path | str | None) -> WeightsSource:
    """What ``weights`` states. Raises ConfigError for a seed that is not a whole number."""
    if isinstance(weights, Path):
        return WeightsFile(weights)
    if weights is None or weights == "pretrained":
        return PublishedWeights()
    kind, colon, rest = weights.partition(":")
    if colon and kind == "random":
        if not rest.isdecimal():
            raise ConfigError(f"{weights!r}: the seed of random weights is a whole number, as in random:0")
        return RandomWeights(int(rest))
    return BuiltinWeights(rest) if colon and kind == "builtin" else PublishedWeights(weights)


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """One entry of ``[models.NAME.exports]``: a file in which a network is shipped, or how imgcls makes it.

    ``path``: the file; None where it is made. ``recipe``: how it is made, as ``opset`` and ``precision``. ``input``,
    ``layout``, ``returns`` and ``output``: as in :class:`ModelSpec`, where the file is to be fed and read otherwise
    than the network that it was made from. ``trust``: whether a file whose content is a program may be loaded.
    """

    name: str
    format: ExportFormat
    path: Path | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    input: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout | None = None
    returns: Returns | None = None
    trust: bool = False
    output: str | None = None


@dataclass(frozen=True, slots=True)
class ServingSpec:
    """``[models.NAME.serving]``: somebody's own preprocessing or service, one of the two.

    ``preprocess``: ``python:package.module:function``, from the bytes or the path of an image to an array or a tensor.
    ``url``: a running service that takes an image's bytes and returns the best classes.
    """

    preprocess: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One ``[models.NAME]`` table. ``input`` holds only the keys that override what resolves.

    ``checkpoint``: which of several state dicts in a file is loaded: ``ema``, ``raw``, or its key. ``match``: whether
    tensors are matched by name or by order. ``rename``: prefixes of tensor names in the file, and what they become.
    ``output``: the key of the logits where the network returns several outputs. ``folder``: that of the
    configuration, from which ``arch`` names folders. ``layout`` and ``returns``: what a network in a file takes and
    returns, where that is not read from the file. ``trust``: whether a file whose content is a program may be loaded.
    ``access``: how it gets its weights, which changes nothing of what it is.
    """

    name: str
    arch: str
    weights: Path | str | None = None
    sha256: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: Path | str | None = None
    datasets: tuple[str, ...] | None = None
    runtime: str = "auto"
    precision: Precision | Literal["auto"] = "float32"
    decode: Decode = "exact"
    input: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    match: TensorMatch = "name"
    rename: Mapping[str, str] = field(default_factory=dict)
    output: str | None = None
    folder: Path = field(default=Path(), compare=False)
    layout: Layout | None = None
    returns: Returns | None = None
    trust: bool = False
    exports: Mapping[str, ExportSpec] = field(default_factory=dict)
    serving: ServingSpec | None = None
    access: WeightsAccess = field(default=WeightsAccess(), compare=False)

    @property
    def architecture(self) -> Architecture:
        """``arch`` in its parts."""
        return Architecture.parse(self.arch)

    @property
    def loaded_precision(self) -> Precision:
        """What the network is loaded in: float32 where ``auto`` may score in less, see docs/throughput.md."""
        return "float32" if self.precision == "auto" else self.precision

    @property
    def weights_source(self) -> WeightsSource:
        """What ``weights`` states. Raises ConfigError for a seed that is not a whole number."""
        return parse_weights(self.weights)


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration. ``gates`` and ``parity`` are keyed by (model, dataset), ``"*"`` already applied.

    ``margins``: by accuracy (``top1``, ``top5``), against a baseline. ``left_out``: gates of what was not selected.
    ``latency`` and ``memory`` are keyed by model, ``"*"`` already applied.
    """

    source: Path
    datasets: Mapping[str, DatasetSpec]
    models: Mapping[str, ModelSpec]
    gates: Mapping[tuple[str, str], Gate]
    margins: Mapping[str, Margin] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    latency: Mapping[str, LatencyGate] = field(default_factory=dict)
    memory: Mapping[str, MemoryGate] = field(default_factory=dict)
    parity: Mapping[tuple[str, str], ParityGate] = field(default_factory=dict)

    def models_by_dataset(self) -> dict[str, list[str]]:
        """The models that are to be scored on each dataset."""
        return {
            dataset: [m.name for m in self.models.values() if m.datasets is None or dataset in m.datasets]
            for dataset in self.datasets
        }

    def golden_pairs(self) -> list[tuple[str, str]]:
        """Every (model, dataset) that is to be scored and has a golden record."""
        return [(model, dataset) for model, dataset in self.pairs() if self.datasets[dataset].golden]

    def parity_pairs(self) -> list[tuple[str, str]]:
        """Every (model, dataset) whose exports are compared: those with a gate, and all of a model without any."""
        gated = {model for model, _ in self.parity}
        pairs = [pair for pair in self.pairs() if self.models[pair[0]].exports]
        return [pair for pair in pairs if pair in self.parity or pair[0] not in gated]

    def pairs(self) -> list[tuple[str, str]]:
        """Every (model, dataset) that is to be scored, dataset by dataset."""
        return [(model, dataset) for dataset, models in self.models_by_dataset().items() for model in models]
