"""The verdict on what ships, in one or two sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgcls import messages
from imgcls.messages import named
from imgcls.records.evaluation import Status
from imgcls.records.parity import ServingCheck, ServingImage
from imgcls.serving.faults import Diagnosis
from imgcls.serving.images import OF_DATASET

EXPLAINED = 0.5  # docs/decisions.md#searching-for-a-culprit
"""Below this share the nearest variants are called near and not the reason."""


def of(
    model: str,
    what: str,
    images: Mapping[int, ServingImage],
    diagnosis: Diagnosis,
    *,
    same: frozenset[int],
    notes: Sequence[str] = (),
    account: str = "",
    gone: str | None = None,
) -> ServingCheck:
    """``images``: what was tried, by number; ``same``: of those, what differs by no more than rounding explains.

    ``account``: how many images a service predicted; ``gone``: why it did not predict the others.
    """
    rows = tuple(images.values())
    different = [row for number, row in images.items() if row.error is None and number not in same]
    failed = [row for row in rows if row.error is not None]
    status: Status = "fail" if different or failed else "error" if gone else "pass"
    is_compared = len(rows) > len(failed)
    sentences = [f"{what}: {_outcome(rows, different, failed, exact=_is_exact(rows))}"]
    if different:
        sentences.append(_reasons(diagnosis))
    if failed:
        sentences.append(_failures(failed))
    sentences += [part for part in (account, gone or "") if part]
    faults = diagnosis.faults if status == "fail" or not is_compared else ()
    return ServingCheck(
        model,
        what,
        status,
        "; ".join(filter(None, sentences)),
        faults,
        rows,
        (*_of_rounding(diagnosis, different), *notes),
    )


def _is_exact(rows: Sequence[ServingImage]) -> bool:
    return all(row.distance == 0 for row in rows if row.error is None)


def _outcome(
    rows: Sequence[ServingImage], different: Sequence[ServingImage], failed: Sequence[ServingImage], *, exact: bool
) -> str:
    """How many images differ, and of which kinds they are where others are the same."""
    compared = len(rows) - len(failed)
    if not compared:
        return f"none of {messages.counted(len(rows), 'image')} could be compared"
    if not different:
        images = "the one image that was" if compared == 1 else f"all {compared} images that were"
        return f"the same on {images} compared, {'to the bit' if exact else 'up to rounding'}"
    flips = sum(not row.same_top1 for row in different)
    kinds = _kinds(different)
    differ = "differs" if len(different) == 1 else "differ"
    images = messages.counted(compared, "image")
    text = f"{len(different)} of {images} {differ} from the reference, {flips} with another best class"
    if len(different) == compared:
        return text
    return f"{text}: {named(kinds, 6)}; the other {compared - len(different)} are the same"


def _kinds(rows: Sequence[ServingImage]) -> list[str]:
    return list(dict.fromkeys("images of the dataset" if row.kind == OF_DATASET else row.kind for row in rows))


def _reasons(diagnosis: Diagnosis) -> str:
    """The culprits by name."""
    names = [_spelled(fault.name, fault.explained, fault.top1_lost) for fault in diagnosis.faults]
    if not names:
        return "none of the known faults explains it"
    if diagnosis.explained is not None and diagnosis.explained < EXPLAINED:
        return f"no known fault explains it; nearest: {' and '.join(names)}"
    return f"because of {' and '.join(names)}"


def _spelled(name: str, explained: float | None, lost: int | None) -> str:
    parts = [] if explained is None else [f"{explained:.0%} of the difference"]
    if lost:
        parts.append(f"{abs(lost)} {'more' if lost > 0 else 'fewer'} wrong in top-1")
    return f"{name} ({', '.join(parts)})" if parts else name


def _failures(failed: Sequence[ServingImage]) -> str:
    """What failed on which kinds, by reason."""
    reasons: dict[str, list[ServingImage]] = {}
    for row in failed:
        reasons.setdefault(row.error or "", []).append(row)
    listed = [f"{named(_kinds(rows), 4)} ({reason})" for reason, rows in reasons.items()]
    return f"it failed on {messages.counted(len(failed), 'image')}: {', '.join(listed[:3])}"


def _of_rounding(diagnosis: Diagnosis, different: Sequence[ServingImage]) -> tuple[str, ...]:
    """What explains a difference that is too small to be one."""
    if different or not diagnosis.faults:
        return ()
    names = " and ".join(fault.name for fault in diagnosis.faults)
    return (f"up to a level of 8 bits values differ, nearest to: {names}",)
