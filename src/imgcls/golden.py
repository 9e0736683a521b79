"""The golden that a run would leave, and what only the pictures and the model themselves can tell."""

from __future__ import annotations

import hashlib
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from typing import Any

import numpy as np
import torch
from PIL import Image

from imgcls import asking, golden_diff, images, pixels, preprocess, run
from imgcls.errors import ConfigError, ModelError, Undecodable
from imgcls.golden_files import FORMAT
from imgcls.models import Model
from imgcls.pinned import Circumstances, Golden, Pin, Pixels, Seen, Shown, Trace
from imgcls.records import DatasetOutcome, DatasetSpec, Facts, ImageRef, InputSpec, ModelSpec, Verdict
from imgcls.report import LIBRARIES
from imgcls.store import Store

SAMPLE = 32
"""Pictures at most on which the logits' deviation and sensitivity are measured, and on which a model is asked again."""

HASH = 12


def seen(store: Store, number: str, outcome: DatasetOutcome, spec: ModelSpec) -> Seen:
    """What run ``number`` stored of a model that did not fail. Raises StoreError."""
    pair = outcome.pair(spec.name)
    assert pair.facts is not None  # noqa: S101 - it did not fail
    assert pair.labels is not None  # noqa: S101
    found = {}
    for part in store.listing(number, outcome.dataset):
        answers = store.answers(str(pair.prediction_key), [image for _, image, _ in part])
        found.update({path: Shown(image, label, answers[image]) for path, image, label in part if image in answers})
    return Seen(
        model=spec.name,
        dataset=outcome.dataset,
        circumstances=_circumstances(spec, pair.facts, outcome.exif, pair.labels, pair.accepted),
        names=store.names(pair.labels),
        images=found,
        rejected={rejection.path: (rejection.reason, rejection.detail) for rejection in outcome.rejections},
    )


def _circumstances(
    spec: ModelSpec, facts: Facts, exif: str, labels: str, accepted: Mapping[str, tuple[int, ...]]
) -> Circumstances:
    return Circumstances(
        arch=spec.arch,
        options=spec.options,
        weights_file_sha256=facts.weights_file_sha256,
        state_sha256=facts.state_sha256,
        input=facts.input,
        exif=exif,
        precision=facts.precision,
        runtime=facts.runtime,
        device=facts.device,
        decoder=pixels.decoder(),
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}},
        labels_sha256=labels,
        folders=accepted,
    )


def made(found: Seen, model: Model, dataset: DatasetSpec) -> Golden:
    """The golden of what was seen.

    Raises ModelError where there is nothing to pin, ConfigError where files went meanwhile.
    """
    kept = [image for image in run.listing(dataset).images if image.path in found.images]
    if not kept:
        raise ModelError(f"{found.model} on {found.dataset}: no picture was scored, so there is nothing to pin")
    sample = [_steps(image, dataset, model.facts.input).tensor for image in _spread(kept)]
    std, sensitivity = asking.measured(model.classifier, model.facts, torch.cat(sample))
    if not std:
        raise ModelError(f"[models.{found.model}] all its logits are the same, so there is nothing to pin")
    places = max(0, 6 - math.floor(math.log10(std)))
    return Golden(
        **{field.name: getattr(found.circumstances, field.name) for field in fields(Circumstances)},
        format=FORMAT,
        model=found.model,
        dataset=found.dataset,
        logit_std=_rounded(std),
        sensitivity=_rounded(sensitivity),
        images=tuple(_pin(image, found, _steps(image, dataset, model.facts.input), places) for image in kept),
    )


def _pin(image: ImageRef, found: Seen, steps: _Steps, places: int) -> Pin:
    answer = found.images[image.path].answer
    return Pin(
        path=image.path,
        sha256=image.sha256,
        label=image.label,
        pixels=steps.pixels,
        tensor=tuple(round(value, 6) for value in answer.fingerprint),
        tensor_sha256=steps.tensor_sha256,
        top=tuple((index, found.names[index], round(logit, places)) for index, logit in answer.top[:5]),
        probability=_rounded(math.exp(answer.top[0][1] - answer.logsumexp), 9),
    )


def other_circumstances(pinned: Golden, now: Golden) -> list[str]:
    """In what two goldens came about differently, in words; what was measured of the network may differ."""
    return [
        f"{field.name} {getattr(pinned, field.name)} -> {getattr(now, field.name)}"
        for field in fields(Circumstances)
        if getattr(pinned, field.name) != getattr(now, field.name)
    ]


def compare(pinned: Golden, found: Seen, model: Callable[[], Model], dataset: DatasetSpec, title: str) -> Verdict:
    """Whether what was seen is what is pinned, and, where it is not, which stage moved which pictures.

    The ``model`` is asked for only where something moved. Raises ImgclsError.
    """
    allowed = golden_diff.tolerance(pinned, found.circumstances)
    distances = golden_diff.distances(pinned, found, allowed)
    beyond = golden_diff.moved(distances, allowed)
    walked = trace(pinned, [one.path for one in beyond], model(), dataset) if beyond else Trace({}, {}, {})
    if stages := golden_diff.findings(pinned, found, beyond, walked, allowed):
        return Verdict("golden", "fail", golden_diff.message(title, stages, beyond))
    return Verdict("golden", "pass", f"{title}: {golden_diff.held(distances, allowed)}")


def trace(pinned: Golden, paths: Sequence[str], model: Model, dataset: DatasetSpec) -> Trace:
    """Walk the way of these pictures again, stage by stage.

    The network is asked about the first few of them alone whose tensors are as pinned.
    """
    listed = {image.path: image for image in run.listing(dataset).images}
    pins = {pin.path: pin for pin in pinned.images}
    described: dict[str, Pixels] = {}
    hashed: dict[str, str] = {}
    asked: dict[str, torch.Tensor] = {}
    for path in (path for path in paths if path in listed):
        steps = _steps(listed[path], dataset, model.facts.input)
        described[path], hashed[path] = steps.pixels, steps.tensor_sha256
        if hashed[path] == pins[path].tensor_sha256 and len(asked) < SAMPLE:
            asked[path] = steps.tensor
    logits = asking.logits(model.classifier, model.facts, torch.cat(list(asked.values()))) if asked else ()
    bare = {
        path: {index: float(row[index]) for index, *_ in pins[path].top if index < len(row)}
        for path, row in zip(asked, logits, strict=True)
    }
    return Trace(described, hashed, bare, _in_training(model.classifier.module))


@dataclass(frozen=True, slots=True)
class _Steps:
    """One picture on its way to the network, which is given ``tensor``: float32 (1, 3, h, w)."""

    pixels: Pixels
    tensor_sha256: str
    tensor: torch.Tensor


def _steps(image: ImageRef, dataset: DatasetSpec, spec: InputSpec) -> _Steps:
    """Raises ConfigError where a file that was scored cannot be decoded any more."""
    try:
        with pixels.quiet_pillow():
            picture = pixels.decode(images.read(image), dataset.exif)
    except Undecodable as error:
        raise ConfigError(f"data set {dataset.name!r}: {image.path} decoded, and now does not: {error}") from error
    tensor = preprocess.normalize(spec, preprocess.crop(spec, picture)[np.newaxis])
    return _Steps(_described(picture), _sha256(tensor.numpy().tobytes()), tensor)


def _described(picture: Image.Image) -> Pixels:
    """Width and height, the mean of each channel, and the beginning of the sha256 of the pixels."""
    red, green, blue = (round(float(mean), 1) for mean in np.asarray(picture).mean((0, 1)))
    return picture.width, picture.height, (red, green, blue), _sha256(picture.tobytes())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:HASH]


def _spread(pictures: Sequence[ImageRef]) -> list[ImageRef]:
    """At most :data:`SAMPLE` pictures of different bytes, spread evenly over all."""
    distinct = list({image.sha256: image for image in pictures}.values())
    step = max(1, math.ceil(len(distinct) / SAMPLE))
    return distinct[::step]


def _rounded(value: float, digits: int = 6) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits}g}")


def _in_training(module: Any) -> tuple[str, ...]:
    return tuple(name or "the network itself" for name, part in module.named_modules() if part.training)
