"""Holds the exports of a model against the model itself on a dataset: one pass, and a word for each export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from imgcls import messages
from imgcls.errors import ImgclsError, ModelError, StoreError
from imgcls.evaluation import agreement
from imgcls.parity import class_names, distance, precision, predictions, reasons
from imgcls.parity.candidates import Candidate, Unavailable
from imgcls.parity.costs import Costs
from imgcls.parity.predictions import Common
from imgcls.parity.reasons import Sought
from imgcls.parity.sample import Sample
from imgcls.parity.scored import Scored
from imgcls.records.comparison import Comparison
from imgcls.records.config import DatasetSpec, ExportSpec, ModelSpec
from imgcls.records.evaluation import Failure, Progress
from imgcls.records.parity import LogitDistance, Parity
from imgcls.store.database import Store
from imgcls.system import versions


def compare(
    reference: ModelSpec,
    exports: Sequence[ExportSpec],
    dataset: DatasetSpec,
    *,
    store: Store,
    device: str,
    run_id: str,
    progress: Progress,
    costs: Costs | None = None,
    localize: bool = False,
    diagnose: bool = True,
) -> list[Parity]:
    """Each export held against its reference on the images of a dataset, which are decoded once for all of them.

    The reference is the model as PyTorch runs it, eager and in float32, from exact pixels. What fails is a parity with
    ``failure``, and the others go on. ``run_id``: of this comparison only; predictions are stored, so that one that was
    killed goes on where it was. ``costs``: of the networks that were measured already, where time and memory are
    requested too; ``localize``: the steps that add most to a difference are sought; ``diagnose``: the reasons of a
    difference are. Raises StoreError.
    """
    scored = Scored(reference, exports, dataset, store=store, device=device, run_id=run_id, progress=progress)
    sought = Sought(diagnose=diagnose, localize=localize)
    parities = []
    for export in scored.exports:
        if isinstance(export, Unavailable):
            parities.append(_unavailable(scored, export))
            continue
        parity = _parity(scored, export, sought)
        parities.append(_with_costs(parity, scored, export, costs) if costs and not parity.failure else parity)
        scored.pool.release(export.spec.name)
    return parities


def _with_costs(parity: Parity, scored: Scored, candidate: Candidate, costs: Costs) -> Parity:
    reference, export = scored.models(candidate)
    (own, notes), (of_reference, its_notes) = costs.of(export), costs.of(reference)
    new = dict.fromkeys((*notes, *its_notes))
    return replace(parity, cost=own, reference_cost=of_reference, notes=(*parity.notes, *new))


def _unavailable(scored: Scored, unavailable: Unavailable) -> Parity:
    export = unavailable.export
    file = messages.path_text(export.path) if export.path else ""
    return Parity(
        scored.reference.name, export.name, scored.dataset.name, export.format, file, failure=unavailable.failure
    )


def _described(scored: Scored, candidate: Candidate) -> Parity:
    """What the export is, and why it or its reference has no predictions, where that is so."""
    export, outcome = candidate.export, scored.outcome_of(candidate.spec)
    info, failed = outcome.facts, scored.outcome_of(scored.reference).failure
    why = failed and replace(failed, message=f"the reference has no predictions: {failed.message}")
    return Parity(
        model=scored.reference.name,
        export=export.name,
        dataset=scored.dataset.name,
        format=export.format,
        file=messages.path_text(candidate.path),
        runtime=info.runtime if info else None,
        versions=versions.of_runtime(info.runtime) if info else None,
        failure=why or outcome.failure,
        notes=(*candidate.notes, *(info.notes if info else ())),
    )


def _parity(scored: Scored, candidate: Candidate, sought: Sought) -> Parity:
    """What is found of one export; an error on the way is its failure."""
    parity = _described(scored, candidate)
    if scored.outcome_of(scored.reference).failure:
        return parity
    try:
        parity = replace(parity, precision=precision.of(scored.models(candidate)[1]))
        if parity.failure:
            drawn = scored.sample(candidate)
            return reasons.added(_in_classes(parity, drawn), *scored.models(candidate), drawn, sought)
        return _compared(parity, scored, candidate, sought)
    except StoreError:
        raise
    except ImgclsError as error:
        return parity if parity.failure else replace(parity, failure=Failure(error.exit_code, str(error), "model"))


def _in_classes(parity: Parity, drawn: Sample | None) -> Parity:
    """A failure of an export that loads, in words of both networks where one has more classes than the other."""
    if drawn is None or parity.failure is None or drawn.reference.shape[1] == drawn.export.shape[1]:
        return parity
    outputs, classes = drawn.export.shape[1], drawn.reference.shape[1]
    of_model = f"{parity.model} {messages.counted(classes, 'class')}"
    counts = f"the file has {messages.counted(outputs, 'output')} and {of_model}"
    message = f"{counts}: export {parity.model} as it was tested, or compare the file with the network that it is of"
    return replace(parity, failure=replace(parity.failure, message=message))


def _compared(parity: Parity, scored: Scored, candidate: Candidate, sought: Sought) -> Parity:
    common = scored.common(candidate)
    parity = replace(
        parity,
        images=len(common.images),
        same_top1=len(common.images) - len(common.flipped),
        same_top5=common.same_top5,
        comparison=_titled(common.comparison, parity),
        notes=(*parity.notes, *_left_out(scored, candidate), *_names(scored, candidate)),
    )
    if not common.images:
        raise ModelError(_nothing_left(scored, candidate))
    drawn = scored.sample(candidate, common.flipped)
    if drawn is None:
        raise ModelError(f"no image of {parity.dataset} can be decoded any more, so that logits cannot be compared")
    parity = _judged(parity, scored, candidate, common, drawn)
    if parity.agreement != "different":
        return parity
    return reasons.added(parity, *scored.models(candidate), drawn, sought)


def _nothing_left(scored: Scored, candidate: Candidate) -> str:
    dataset, export = scored.dataset.name, candidate.export.name
    if scored.calibrating(candidate):
        return f"{export} was calibrated with every image of {dataset}: calibrate it with others, or name other images"
    return f"no image of {dataset} has a prediction of both {scored.reference.name} and {export}"


def _titled(comparison: Comparison, parity: Parity) -> Comparison:
    return replace(comparison, before=parity.model, after=f"{parity.model}/{parity.export}")


def _left_out(scored: Scored, candidate: Candidate) -> Iterator[str]:
    if calibrating := scored.calibrating(candidate):
        images = f"{messages.counted(calibrating, 'image')} of {scored.dataset.name}"
        is_one = calibrating == 1
        left_out = f"{'is' if is_one else 'are'} left out, because the export was calibrated with"
        yield f"{images} {left_out} {'it' if is_one else 'them'}"


def _names(scored: Scored, candidate: Candidate) -> Iterator[str]:
    reference, export = scored.models(candidate)
    if note := class_names.note(reference.labels, class_names.stated(export)):
        yield note


def _judged(parity: Parity, scored: Scored, candidate: Candidate, common: Common, drawn: Sample) -> Parity:
    """With the distance of the logits, and the word for all of it."""
    reference, export = scored.models(candidate)
    keys = scored.keys(candidate)
    logits = distance.of(drawn, distance.moved_by_noise(reference, drawn), precision.of(export))
    parity = replace(parity, logits=logits)
    if np.array_equal(drawn.reference, drawn.export) and predictions.are_identical(scored.store, keys, common.images):
        return replace(parity, agreement="identical")
    if logits is None:
        return replace(parity, agreement="different")
    ties = predictions.ties(scored.store, keys, common.flipped, logits.tolerance * logits.std)
    close = logits.largest <= logits.tolerance and ties == len(common.flipped)
    return replace(
        parity,
        agreement="within tolerance" if close else "different",
        notes=(*parity.notes, *_about(logits, ties, len(common.flipped))),
    )


def _about(logits: LogitDistance, ties: int, flips: int) -> Iterator[str]:
    if ties:
        of_flips = f"{ties} of {messages.counted(flips, 'flip')}"
        yield f"ties, in which the reference has both classes within the tolerance: {of_flips}"
    if agreement.allowed(logits.sensitivity) > agreement.MAX_TOLERANCE:
        moved = f"{logits.sensitivity:.2g} standard deviations"
        yield f"the reference's logits move by {moved} when its input moves by a millionth, so rounding can flip images"
