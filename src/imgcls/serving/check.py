"""A model's serving function or service held against the network as it was tested, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgcls.data import labels
from imgcls.data.class_lists import FOLDERS, UNSTATED
from imgcls.data.label_map import read as read_map
from imgcls.errors import ConfigError, LabelError, ModelError
from imgcls.messages import one_line
from imgcls.models.model import Model
from imgcls.preprocessing import decode
from imgcls.records.config import DatasetSpec, ServingSpec
from imgcls.records.data import ImageRef
from imgcls.records.parity import Fault, ServingCheck, ServingImage
from imgcls.serving import faults, function, images, served, steps, verdict
from imgcls.serving.evidence import FunctionEvidence, Network, ServiceEvidence
from imgcls.serving.faults import Diagnosis
from imgcls.serving.function import Returned
from imgcls.serving.images import CheckImage
from imgcls.serving.service import HttpService
from imgcls.serving.steps import Steps


@dataclass(frozen=True, slots=True)
class Reference:
    """The network as it was tested, and the right classes of those images that have a label."""

    network: Network
    steps: Steps
    accepted: Mapping[int, frozenset[int]]
    notes: tuple[str, ...]


def compare(
    model: Model,
    serving: ServingSpec,
    dataset: DatasetSpec | None,
    *,
    images: Sequence[ImageRef] = (),
    folder: Path,
    service: HttpService | None = None,
) -> ServingCheck:
    """Hold what ships with a model against the model, eager in float32, as it was tested.

    ``dataset``: by whose rule of Exif orientations it is tested, and by whose labels; ``images``: its images.
    ``folder``: that of the configuration, from which modules are imported. ``service``: in place of that of ``url``.

    Raises ConfigError where ``serving`` does not name one function or one URL that can be used.
    """
    if (serving.preprocess is None) == (serving.url is None):
        raise ConfigError(f"[models.{model.spec.name}.serving] give one of preprocess and url")
    with decode.quiet_pillow(dataset.max_megapixels if dataset else None):
        reference = _reference(model, dataset, images)
        if serving.preprocess is not None:
            return _of_function(reference, serving.preprocess, folder)
        assert serving.url is not None  # noqa: S101 - one of both is given
        return _of_service(reference, serving.url, service or _service(model, serving.url))


def _service(model: Model, url: str) -> HttpService:
    try:
        return HttpService(url)
    except ConfigError as error:
        raise ConfigError(f"[models.{model.spec.name}.serving] {error}") from error


def _reference(model: Model, dataset: DatasetSpec | None, listed: Sequence[ImageRef]) -> Reference:
    chosen = images.chosen(model.input, listed)
    accepted, notes = _accepted(model, dataset, chosen.images)
    if model.own is not None:
        notes += (
            "the network has its own preprocessing, so that only steps before and after it were tried as culprits",
        )
    network = Network(model, chosen.images)
    usual = steps.reference(model, dataset.exif if dataset else "ignore")
    network.logits(usual, range(len(chosen.images)))  # in full batches
    return Reference(network, usual, accepted, chosen.notes + notes)


def _accepted(
    model: Model, dataset: DatasetSpec | None, chosen: Sequence[CheckImage]
) -> tuple[dict[int, frozenset[int]], tuple[str, ...]]:
    """The right classes by the number of the image, and why they are not known."""
    folders = {image.label for image in chosen if image.label is not None}
    if dataset is None or not folders:
        return {}, ()
    known = model.labels
    if known in (UNSTATED, FOLDERS):
        return {}, (f"top-1 was not counted: the classes of {model.spec.name} are not stated by a list",)
    try:
        how = read_map(dataset.labels) if isinstance(dataset.labels, Path) else dataset.labels
        matching = labels.match(folders, known, how)
    except LabelError as error:
        return {}, (f"top-1 was not counted: {one_line(error)}",)
    numbered = enumerate(chosen)
    return {number: matching.accepted[image.label] for number, image in numbered if image.label is not None}, ()


def _of_function(reference: Reference, preprocess: str, folder: Path) -> ServingCheck:
    network, name = reference.network, reference.network.model.spec.name
    try:
        returned = function.called(name, preprocess, folder, network.images, network.model.input.shape)
    except ModelError as error:
        return ServingCheck(name, preprocess, "error", str(error))
    evidence = FunctionEvidence(network, reference.steps, returned.tensors)
    rows = _compared(reference, evidence, returned.errors, _best_of(network, returned))
    diagnosis = _diagnosis(reference, evidence, rows, service=False)
    diagnosis = _with_size(diagnosis, returned, network.model.input.shape)
    notes = (*returned.notes, *reference.notes)
    return verdict.of(name, preprocess, rows, diagnosis, notes=notes, same=_same(reference, evidence, rows))


def _of_service(reference: Reference, url: str, service: HttpService) -> ServingCheck:
    network, name = reference.network, reference.network.model.spec.name
    responses = served.served(service, network, reference.steps)
    if not responses.predictions:
        reason = responses.gone or f"all images failed: {next(iter(responses.errors.values()), 'none was sent')}"
        return ServingCheck(name, url, "error", f"{url} predicted no image: {reason}", notes=responses.notes)
    evidence = ServiceEvidence(network, reference.steps, responses.predictions)
    best = {image: prediction.best for image, prediction in responses.predictions.items()}
    rows = _compared(reference, evidence, responses.errors, best)
    diagnosis = _diagnosis(reference, evidence, rows, service=True)
    notes = (*_of_scores(evidence), *responses.notes, *reference.notes)
    same = _same(reference, evidence, rows)
    return verdict.of(
        name, url, rows, diagnosis, notes=notes, same=same, account=responses.account, gone=responses.gone
    )


def _best_of(network: Network, returned: Returned) -> dict[int, int]:
    """The class that the network predicts from each tensor of a function."""
    if not returned.tensors:
        return {}
    logits = network.run(np.stack(list(returned.tensors.values())))
    return dict(zip(returned.tensors, (int(index) for index in np.argmax(logits, axis=1)), strict=True))


def _compared(
    reference: Reference,
    evidence: FunctionEvidence | ServiceEvidence,
    errors: Mapping[int, str],
    best: Mapping[int, int],
) -> dict[int, ServingImage]:
    """What was served of each image, next to the reference; images that were not sent are not among them."""
    rows = {}
    for number, image in enumerate(reference.network.images):
        if number in errors:
            rows[number] = ServingImage(image.path, image.kind, None, None, errors[number])
        elif number in best:
            expected = int(np.argmax(reference.network.probabilities(reference.steps, [number])[0]))
            distance = evidence.distance(reference.steps, number)
            rows[number] = ServingImage(image.path, image.kind, distance, expected == best[number])
    return rows


def _same(
    reference: Reference, evidence: FunctionEvidence | ServiceEvidence, rows: Mapping[int, ServingImage]
) -> frozenset[int]:
    """The images that differ by no more than rounding explains."""
    compared = [number for number, row in rows.items() if row.error is None]
    return frozenset(number for number in compared if evidence.is_same(reference.steps, [number]))


def _diagnosis(
    reference: Reference,
    evidence: FunctionEvidence | ServiceEvidence,
    rows: Mapping[int, ServingImage],
    *,
    service: bool,
) -> Diagnosis:
    compared = [number for number, row in rows.items() if row.error is None]
    if all(evidence.distance(reference.steps, number) == 0 for number in compared):
        return Diagnosis((), ())
    return faults.diagnosed(reference.network, reference.steps, evidence, compared, reference.accepted, service=service)


def _with_size(diagnosis: Diagnosis, returned: Returned, shape: tuple[int, ...]) -> Diagnosis:
    """With the fault that tensors of another size are, of which nothing can be compared."""
    if not returned.sizes:
        return diagnosis
    sizes = " and ".join(map(str, returned.sizes[:3]))
    what = f"the function returns {sizes}, and the network was tested with {shape}: resize and crop to that"
    return Diagnosis((Fault("preprocessing", "input size", what), *diagnosis.faults), diagnosis.variants)


def _of_scores(evidence: ServiceEvidence) -> tuple[str, ...]:
    if evidence.scale == "logits":
        return ("its scores are not probabilities; a softmax of them over the returned classes was compared",)
    if evidence.scale == "percent":
        return ("its scores were read as percent",)
    if any(served.scores is None for served in evidence.served.values()):
        return ("it returns no scores, so that only the order of its classes was compared",)
    return ()
