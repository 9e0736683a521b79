"""The golden record of a run, and the stages of images computed again with their files and their model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from PIL import Image

from imgcls.data import dataset as datasets
from imgcls.data import listing
from imgcls.errors import ConfigError, ModelError, Undecodable
from imgcls.evaluation import agreement
from imgcls.golden.files import FORMAT
from imgcls.golden.records import (
    HASH_DIGITS,
    CurrentImage,
    CurrentResults,
    Golden,
    GoldenContext,
    GoldenImage,
    Pixels,
    Trace,
)
from imgcls.models import inference
from imgcls.models.model import Model
from imgcls.preprocessing import decode, formats, preprocess
from imgcls.records.config import DatasetSpec, ModelSpec
from imgcls.records.data import ImageRef, Images
from imgcls.records.evaluation import DatasetOutcome, ModelInfo
from imgcls.store.damage import lost
from imgcls.store.database import Store
from imgcls.system import versions

SAMPLED_IMAGES = 32  # docs/decisions.md#tolerance-of-a-logit
"""The most images on which the logits' deviation and sensitivity are measured, and on which a network is run again."""


def current_results(store: Store, run_id: str, outcome: DatasetOutcome, spec: ModelSpec) -> CurrentResults:
    """What a run stored of a model that did not fail. Raises StoreError."""
    pair = outcome.pair(spec.name)
    assert pair.facts is not None  # noqa: S101 - it did not fail
    assert pair.labels is not None  # noqa: S101
    images = {}
    for batch in store.listing(run_id, outcome.dataset):
        outputs = store.outputs(str(pair.prediction_key), [sha256 for _, sha256, _ in batch])
        images.update(
            {path: CurrentImage(sha256, label, outputs[sha256]) for path, sha256, label in batch if sha256 in outputs}
        )
    if len({image.sha256 for image in images.values()}) < pair.scores.distinct:
        raise lost(store.file, f"what was predicted on {outcome.dataset}")
    return CurrentResults(
        model=spec.name,
        dataset=outcome.dataset,
        context=_context(spec, pair.facts, outcome.exif, pair.labels, pair.accepted, images),
        names=store.names(pair.labels),
        images=images,
        rejected={
            rejection.path: (rejection.reason, rejection.detail)
            for rejection in outcome.rejections
            if spec.name in rejection.models or not rejection.models
        },
    )


def _context(
    spec: ModelSpec,
    info: ModelInfo,
    exif: str,
    labels: str,
    accepted: Mapping[str, tuple[int, ...]],
    images: Iterable[str],
) -> GoldenContext:
    return GoldenContext(
        arch=spec.arch,
        options=spec.options,
        weights_file_sha256=info.weights_file_sha256,
        state_sha256=info.state_sha256,
        input=info.input,
        exif=exif,
        precision=info.precision,
        runtime=info.runtime,
        device=info.device,
        decoder=formats.decoder(images),
        versions=versions.libraries(),
        labels_sha256=labels,
        folders=accepted,
    )


def record(current: CurrentResults, model: Model, dataset: DatasetSpec) -> Golden:
    """The golden record of a run's results.

    Raises ModelError where there is nothing to record, ConfigError where a file was changed since it was scored.
    """
    scored = Images(image for image in datasets.list_images(dataset).images if image.path in current.images)
    if not scored:
        raise ModelError(f"{current.model} on {current.dataset}: no image was scored, so there is nothing to record")
    steps, sample = _all_steps(scored, dataset, model)
    std, sensitivity = agreement.sensitivity(model.classifier, model.info, sample)
    if not std:
        raise ModelError(f"[models.{current.model}] all its logits are the same, so there is nothing to record")
    places = max(0, 6 - math.floor(math.log10(std)))
    return Golden(
        **{field.name: getattr(current.context, field.name) for field in fields(GoldenContext)},
        format=FORMAT,
        model=current.model,
        dataset=current.dataset,
        logit_std=_rounded(std),
        sensitivity=_rounded(sensitivity),
        images=tuple(_golden_image(image, current, *step, places) for image, step in zip(scored, steps, strict=True)),
    )


def _all_steps(scored: Images, dataset: DatasetSpec, model: Model) -> tuple[Sequence[tuple[Pixels, str]], torch.Tensor]:
    """The pixels and the tensor's hash of each image, and the tensors of the sampled ones: (n, channels, h, w)."""
    tensors = {image.path: torch.empty(0) for image in next(datasets.samples(scored, SAMPLED_IMAGES))}
    steps = []
    for image in scored:
        step = _steps(image, dataset, model)
        steps.append((step.pixels, step.tensor_sha256))
        if image.path in tensors:
            tensors[image.path] = step.tensor
    return steps, torch.cat(list(tensors.values()))


def _golden_image(
    image: ImageRef, current: CurrentResults, pixels: Pixels, tensor_sha256: str, places: int
) -> GoldenImage:
    output = current.images[image.path].output
    return GoldenImage(
        path=image.path,
        sha256=image.sha256,
        label=image.label,
        pixels=pixels,
        tensor=tuple(round(value, 6) for value in output.fingerprint),
        tensor_sha256=tensor_sha256,
        top=tuple((index, current.names[index], round(logit, places)) for index, logit in output.top[:5]),
        probability=_rounded(math.exp(output.top[0][1] - output.logsumexp), 9),
    )


def trace(golden: Golden, paths: Sequence[str], model: Model, dataset: DatasetSpec) -> Trace:
    """Compute the stages of these images again.

    The network is run only on the first few of them whose tensors are as recorded.
    """
    traced = set(paths)
    listed = {image.path: image for image in datasets.list_images(dataset).images if image.path in traced}
    recorded = {image.path: image for image in golden.images}
    pixels: dict[str, Pixels] = {}
    hashes: dict[str, str] = {}
    tensors: dict[str, torch.Tensor] = {}
    for path in (path for path in paths if path in listed):
        steps = _steps(listed[path], dataset, model)
        pixels[path], hashes[path] = steps.pixels, steps.tensor_sha256
        if hashes[path] == recorded[path].tensor_sha256 and len(tensors) < SAMPLED_IMAGES:
            tensors[path] = steps.tensor
    rows = inference.logits(model.classifier, model.info, torch.cat(list(tensors.values()))) if tensors else ()
    logits = {
        path: {index: float(row[index]) for index, *_ in recorded[path].top if index < len(row)}
        for path, row in zip(tensors, rows, strict=True)
    }
    return Trace(pixels, hashes, logits, _in_training(model.classifier.module))


@dataclass(frozen=True, slots=True)
class _Steps:
    """One image on its way to the network, whose input is ``tensor``: float32 (1, channels, h, w)."""

    pixels: Pixels
    tensor_sha256: str
    tensor: torch.Tensor


def _steps(image: ImageRef, dataset: DatasetSpec, model: Model) -> _Steps:
    """Raises ConfigError where a file that was scored cannot be decoded any more."""
    preprocessing = model.preprocessing._replace(decode="exact")
    try:
        with decode.quiet_pillow(dataset.max_megapixels):
            prepared = preprocess.prepare(listing.read(image), [preprocessing], dataset.exif, whole=True)
    except Undecodable as error:
        raise ConfigError(f"dataset {dataset.name!r}: {image.path} decoded, and now does not: {error}") from error
    assert prepared.decoded is not None  # noqa: S101 - its pixels are exact
    tensor = preprocess.batch(model.input, [prepared.crops[preprocessing]])
    return _Steps(_pixels(prepared.decoded), _sha256(tensor.numpy().tobytes()), tensor)


def _pixels(image: Image.Image) -> Pixels:
    """Width and height, the mean of each channel, and the beginning of the sha256 of the pixels."""
    red, green, blue = (round(float(mean), 1) for mean in np.asarray(image).mean((0, 1)))
    return image.width, image.height, (red, green, blue), _sha256(image.tobytes())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:HASH_DIGITS]


def _rounded(value: float, digits: int = 6) -> float:
    """Rounded to this many significant digits."""
    return float(f"{value:.{digits}g}")


def _in_training(module: Any) -> tuple[str, ...]:
    return tuple(name or "the network itself" for name, child in module.named_modules() if child.training)
