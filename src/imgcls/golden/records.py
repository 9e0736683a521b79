"""What a golden record holds, what a run has in its place, and what moved between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from imgcls.records.config import InputSpec, Precision
from imgcls.records.evaluation import Output, Stage

HASH_DIGITS = 12  # docs/decisions.md#recorded-stages
"""The digits of a sha256 that stand in a golden record for pixels and tensors, and in messages."""


@dataclass(frozen=True, slots=True)
class GoldenContext:
    """Everything that the predictions of one model on one dataset depend on, except the images.

    ``device``: its kind. ``labels_sha256``: of the names of all classes. ``folders``: the classes that are right for
    each folder.
    """

    arch: str
    options: Mapping[str, Any]
    weights_file_sha256: str | None
    state_sha256: str
    input: InputSpec
    exif: str
    precision: Precision
    runtime: str
    device: str
    decoder: str
    versions: Mapping[str, str]
    labels_sha256: str
    folders: Mapping[str, tuple[int, ...]]


Pixels = tuple[int, int, tuple[float, float, float], str]
"""A decoded image: its width, its height, the mean of each channel, and the beginning of its pixels' sha256."""


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """One image of a golden record.

    ``tensor``: the fingerprint of its preprocessed tensor (:func:`imgcls.preprocessing.transforms.fingerprint`), and
    ``tensor_sha256`` the beginning of that tensor's hash; ``top``: the five best as ``(index, name, logit)``;
    ``probability``: of the first.
    """

    path: str
    sha256: str
    label: str | None
    pixels: Pixels
    tensor: Annotated[tuple[float, ...], Meta(min_length=4)]
    tensor_sha256: str
    top: Annotated[tuple[tuple[int, str, float], ...], Meta(min_length=1)]
    probability: float


@dataclass(frozen=True, slots=True)
class Golden(GoldenContext):
    """A golden record: the predictions of one model on one dataset, as they shall stay.

    ``logit_std``: the standard deviation of the logits. ``sensitivity``: the largest change of a logit under relative
    input noise of 1e-6, in units of that.
    """

    format: int
    model: str
    dataset: str
    logit_std: Annotated[float, Meta(gt=0)]
    sensitivity: Annotated[float, Meta(ge=0)]
    images: tuple[GoldenImage, ...]


@dataclass(frozen=True, slots=True)
class CurrentImage:
    """One image of a run."""

    sha256: str
    label: str | None
    output: Output


@dataclass(frozen=True, slots=True)
class CurrentResults:
    """What a run has of the same model and dataset: its stored predictions, by path.

    ``names``: of all classes. ``rejected``: reason and detail by path.
    """

    model: str
    dataset: str
    context: GoldenContext
    names: tuple[str, ...]
    images: Mapping[str, CurrentImage]
    rejected: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """The stages of some images, computed again: their decoded ``pixels``, the hashes of their ``tensors``, and the
    ``logits`` of the recorded classes as the network gives them, these only of the first few images.

    ``training``: the modules of the network that are in training mode.
    """

    pixels: Mapping[str, Pixels]
    tensors: Mapping[str, str]
    logits: Mapping[str, Mapping[int, float]]
    training: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far predictions may move: ``logits`` in their standard deviations, ``tensor`` in units of its largest value.

    ``why``: the reason in words.
    """

    logits: float
    tensor: float
    why: str


@dataclass(frozen=True, slots=True)
class ImageChange:
    """How far an image is from its record.

    ``tensor``: the largest difference of the fingerprint; ``logits``: the largest known difference of a logit, in
    standard deviations; ``ranks``: those of the five best that changed, in words, empty within tolerance.
    """

    path: str
    tensor: float
    logits: float
    ranks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageChange:
    """What moved at one stage, in words; ``images``: their paths, farthest first."""

    stage: Stage
    what: str
    images: tuple[str, ...] = ()
