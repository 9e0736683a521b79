"""What all sources share whose networks are files: how a file is found, and what its contents mean for images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imgcls import hashing, lfs
from imgcls.errors import ConfigError, ModelError, WeightsMissing
from imgcls.models.files import detection
from imgcls.models.files.detection import Findings, TensorCounts
from imgcls.models.files.layout import ImageShape
from imgcls.models.files.network import Contents, FileNetwork
from imgcls.models.files.port import Port
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.base import Request
from imgcls.models.sources import base
from imgcls.models.sources.base import Source, Weights
from imgcls.models.weights import hashes, lock
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList

IMAGENET = {3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), 1: ((0.449,), (0.226,))}
"""The usual mean and standard deviation, by the number of channels; for grey images the means of the three."""

CROP_SHARE = 0.875
States = tuple[tuple[int, int], ...]
"""The size and the time of the last change of each file."""

GUESS = "guessed: the usual one"


class FileSource(Source):
    """``SOURCE:FILE``, relative to the configuration's folder. ``what``: such a file in words."""

    what: str
    as_written = True

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[States | None, Contents]] = {}

    @abstractmethod
    def read(self, spec: ModelSpec, file: Path) -> Contents:
        """What is in a file, which is not a pointer. Raises MachineError, ModelError, ConfigError, WeightsMissing."""

    def contents(self, spec: ModelSpec) -> Contents:
        """What is in the file of a spec, read once for as long as the file stays as it is.

        Raises WeightsMissing, MachineError, ModelError, ConfigError.
        """
        if spec.weights is not None:
            raise ConfigError(f"[models.{spec.name}] weights: {spec.arch} holds its own weights: leave `weights` out")
        if spec.options:
            raise ConfigError(f"[models.{spec.name}] options: {spec.arch} is built already: leave `options` out")
        file = located(spec, self.what)
        key = (file, spec.name, spec.layout, spec.returns, spec.trust, spec.output)
        known = self._known.get(key)
        if known is None or _states(known[1].files) != known[0]:
            contents = self.read(spec, file)
            contents = contents if contents.port.returns else self._tried(spec, contents)
            known = self._known[key] = _states(contents.files), contents
        return known[1]

    def build(self, spec: ModelSpec) -> Any:
        """Raises ConfigError: there is nothing to train or to fill with other weights."""
        if spec.weights is not None:
            self.contents(spec)
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} is a file of a finished network, which cannot be trained: train the "
            "network that it was made from, and export it again"
        )

    def module(self, spec: ModelSpec, contents: Contents) -> Any:  # noqa: ARG002 - a default
        """The module that is loaded: one that stands for the file."""
        return FileNetwork(contents)

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """The module of the file, and the file's sha256."""
        contents = self.contents(spec)
        for file in contents.files[1:]:
            lock.require_listed(file, hashes.file_sha256(file), spec.access)
        return self.module(spec, contents), base.checked_sha256(spec, contents.files[0])

    def _tried(self, spec: ModelSpec, contents: Contents) -> Contents:
        """The contents of a file whose graph does not show what it returns, after it was run on noise."""
        import torch

        channels, size = contents.channels or 3, _size(spec, contents)
        request = Request(
            spec.name,
            lambda: self.module(spec, contents),
            precision="float32",
            device="cpu",
            size=size,
            cores=1,
            workers=1,
            channels=channels,
            output=spec.output,
        )
        noise = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(0))
        outputs = runtimes.build(runtimes.requested(spec), request).logits(noise)
        if not detection.are_probabilities(outputs):
            return replace(contents, port=replace(contents.port, returns="logits"))
        note = "its outputs are not negative and sum to 1: its logits are the logarithms of the probabilities"
        port = replace(contents.port, returns="probabilities")
        return replace(contents, port=port, notes=(*contents.notes, note))

    def input_spec(self, spec: ModelSpec) -> InputSpec:
        """The input as far as the file states it, and the usual one for the rest."""
        contents = self.contents(spec)
        height, width = _size(spec, contents)
        channels = contents.channels or 3
        if channels not in IMAGENET:
            raise ConfigError(f"[models.{spec.name}] {spec.arch} takes {channels} channels, and images have 3 or 1")
        mean, std = IMAGENET[channels]
        is_square = height == width
        return InputSpec(
            resize=int(height / CROP_SHARE) if is_square else (height, width),
            crop=(height, width),
            crop_mode="center" if is_square else "squash",
            interpolation="bilinear",
            mean=contents.mean or mean,
            std=contents.std or std,
        )

    def input_sources(self, spec: ModelSpec) -> Mapping[str, str]:
        """What the file itself states."""
        contents = self.contents(spec)
        stated = {"crop": contents.files[0].name} if contents.size else {}
        if contents.mean and contents.input_source:
            stated |= dict.fromkeys(("mean", "std"), contents.input_source)
        return {**dict.fromkeys(("resize", "crop", "crop_mode", "interpolation", "mean", "std"), GUESS), **stated}

    def label_list(self, spec: ModelSpec) -> LabelList | None:
        """The names that the file states."""
        return self.contents(spec).labels

    def channels(self, spec: ModelSpec) -> int | None:
        """The number of channels of the file's input."""
        return self.contents(spec).channels

    def notes(self, spec: ModelSpec) -> tuple[str, ...]:
        """What was detected in the file, and what of that the configuration overrides."""
        contents = self.contents(spec)
        notes = (*contents.notes, *_overridden(spec, contents), *_names(spec, contents))
        return tuple(f"{contents.files[0].name}: {note}" for note in notes)

    def weights(self, spec: ModelSpec, module: Any) -> Weights:  # noqa: ARG002 - it has none of its own
        """What the file holds, exactly."""
        contents = self.contents(spec)
        return Weights(contents.state_sha256, contents.parameters, contents.weight_bytes)


def contents(
    files: tuple[Path, ...], port: Port, shape: ImageShape, findings: Findings, weights: TensorCounts
) -> Contents:
    """All of it together."""
    return Contents(
        files=files,
        port=port,
        state_sha256=sha256(files),
        size=shape.size,
        channels=shape.channels,
        parameters=weights.parameters,
        weight_bytes=weights.bytes,
        weight_types=weights.types,
        mean=findings.mean,
        std=findings.std,
        input_source=findings.input_source,
        labels=findings.labels,
        notes=(*filter(None, [shape.note]), *detection.batch_notes(shape.batch), *findings.notes, *weights.notes),
    )


def _overridden(spec: ModelSpec, contents: Contents) -> Iterator[str]:
    """That pixels of another range are fed than the file was seen to take, because the configuration states it."""
    detected = {"mean": contents.mean, "std": contents.std}
    given = {key: spec.input[key] for key, value in detected.items() if value and key in spec.input}
    if any(not np.allclose(value, np.asarray(detected[key])) for key, value in given.items()):
        fed = " and ".join(f"{key} = {_toml(value)}" for key, value in given.items())
        takes = " and ".join(f"{key} = {_toml(value)}" for key, value in detected.items())
        yield f"it is fed with {fed}, as configured: give {takes} in [models.{spec.name}.input] for what it takes"


def _toml(value: Any) -> str:
    """The numbers of all channels, or the one that is the same for all, as a configuration has them."""
    numbers = list(dict.fromkeys(np.atleast_1d(np.asarray(value, np.float64)).tolist()))
    return f"{numbers[0]:.9g}" if len(numbers) == 1 else "[" + ", ".join(f"{number:.9g}" for number in value) + "]"


def _names(spec: ModelSpec, contents: Contents) -> Iterator[str]:
    """Whether the names that a file states for its classes are used."""
    if contents.labels is not None:
        used = "are used" if spec.labels is None else "are not used, because `labels` is configured"
        yield f"its own names of {len(contents.labels.names)} classes {used}"


def located(spec: ModelSpec, what: str) -> Path:
    """The file that ``arch`` names. Raises WeightsMissing where there is none, or where Git LFS did not fetch it."""
    path = Path(spec.architecture.name).expanduser()
    file = next((place for place in (spec.folder / path, path) if place.is_file()), None)
    if file is None:
        raise WeightsMissing(
            f"[models.{spec.name}] arch: there is no file {(spec.folder / path).absolute()}; put the {what} there, or "
            "correct `arch`"
        )
    require_fetched(file, what)
    return file


def _states(files: tuple[Path, ...]) -> States | None:
    """What files look like now; None where one is gone."""
    try:
        states = [file.stat() for file in files]
    except OSError:
        return None
    return tuple((state.st_size, state.st_mtime_ns) for state in states)


def require_fetched(file: Path, what: str) -> None:
    """Raise WeightsMissing where Git LFS left a pointer in the place of a file."""
    if lfs.is_pointer_file(file):
        raise WeightsMissing(lfs.refusal(file, what))


def sha256(files: tuple[Path, ...]) -> str:
    """The sha256 of one file, or of several with their names."""
    if len(files) == 1:
        return hashes.file_sha256(files[0])
    return hashing.of_json({file.name: hashes.file_sha256(file) for file in files})


def damaged(file: Path, what: str, why: str) -> ModelError:
    """The error for a file that is something else, or was cut off."""
    return ModelError(f"{file} is not a {what}, or was cut off ({why}); fetch or export it again")


def _size(spec: ModelSpec, contents: Contents) -> tuple[int, int]:
    """(h, w) of the images. Raises ConfigError where neither the file nor the configuration states it."""
    crop = spec.input.get("crop")
    given: tuple[int, int] | None = (crop, crop) if isinstance(crop, int) else crop
    name = contents.files[0].name
    if contents.size is None:
        if given is not None:
            return given
        raise ConfigError(
            f"[models.{spec.name}] {name} takes images of any size: give the one that it was tested with, as "
            f"crop = 224 in [models.{spec.name}.input]"
        )
    if given and given != contents.size:
        height, width = contents.size
        raise ConfigError(
            f"[models.{spec.name}.input] crop = {crop}, and {name} takes only images of {height} x {width}: give "
            f"{_as_crop(height, width)}, or export the network for that size"
        )
    return contents.size


def _as_crop(height: int, width: int) -> str:
    """The key of the input that has this size."""
    return f"crop = {height}" if height == width else f"crop = [{height}, {width}]"
