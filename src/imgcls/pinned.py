"""What a golden holds, what a run has in its place, and what is found to have moved between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from imgcls.records import Answer, InputSpec, Precision, Stage


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything that the answers of one model on one data set depend on, the pictures aside.

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
"""A decoded picture: its width, its height, the mean of each channel, and the beginning of its pixels' sha256."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One picture of a golden.

    ``tensor``: the fingerprint of what it is preprocessed to (:func:`imgcls.preprocess.fingerprint`), and
    ``tensor_sha256`` the beginning of a hash of that; ``top``: the five best as ``(index, name, logit)``;
    ``probability``: of the first.
    """

    path: str
    sha256: str
    label: str | None
    pixels: Pixels
    tensor: Annotated[tuple[float, ...], Meta(min_length=12, max_length=12)]
    tensor_sha256: str
    top: Annotated[tuple[tuple[int, str, float], ...], Meta(min_length=1)]
    probability: float


@dataclass(frozen=True, slots=True)
class Golden(Circumstances):
    """The answers of one model on one data set, as they shall stay.

    ``logit_std``: the standard deviation of the logits. ``sensitivity``: the largest change of a logit under relative
    input noise of 1e-6, in units of that.
    """

    format: int
    model: str
    dataset: str
    logit_std: Annotated[float, Meta(gt=0)]
    sensitivity: Annotated[float, Meta(ge=0)]
    images: tuple[Pin, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a run."""

    sha256: str
    label: str | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run has of the same pair, from its stored answers, by path.

    ``names``: of all classes. ``rejected``: reason and detail by path.
    """

    model: str
    dataset: str
    circumstances: Circumstances
    names: tuple[str, ...]
    images: Mapping[str, Shown]
    rejected: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of some pictures, walked again: their decoded ``pixels``, the hashes of their ``tensors``, and the bare
    ``logits`` of pinned classes, these of the first few pictures alone.

    ``training``: the modules of the network that are in training mode.
    """

    pixels: Mapping[str, Pixels]
    tensors: Mapping[str, str]
    logits: Mapping[str, Mapping[int, float]]
    training: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far answers may move: ``logits`` in their standard deviations, ``tensor`` in units of its largest value.

    ``why`` says for what, in words.
    """

    logits: float
    tensor: float
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A picture that differs from its pin.

    ``tensor``: the largest difference of the fingerprint, 0 within tolerance; ``logits``: the largest known difference
    of a logit, in standard deviations, and ``ranks`` the five best that changed, in words; none within tolerance.
    """

    path: str
    tensor: float
    logits: float
    ranks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What moved at one stage, in words; ``pictures``: their paths, worst first."""

    stage: Stage
    what: str
    pictures: tuple[str, ...] = ()
