"""An export held against how far it may be from the network that it was made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from imgcls import messages
from imgcls.gates import regression
from imgcls.gates.verdicts import verdict
from imgcls.records.comparison import Flip
from imgcls.records.evaluation import Verdict
from imgcls.records.parity import Parity
from imgcls.records.thresholds import Margin, ParityGate
from imgcls.stats import proportions

NAMED_FLIPS = 5  # docs/decisions.md#names-in-a-message


def evaluate(gate: ParityGate, parity: Parity) -> tuple[Verdict, ...]:
    """One verdict per threshold of the gate; an export that could not be compared is an error."""
    if parity.failure:
        return (verdict("scored", "error", f"{_title(parity)}: {parity.failure.message}{_fault(parity)}"),)
    return tuple(_thresholds(gate, parity))


def _title(parity: Parity) -> str:
    return f"{parity.model}/{parity.export} on {parity.dataset}"


def _thresholds(gate: ParityGate, parity: Parity) -> Iterator[Verdict]:
    if gate.flips is not None:
        yield _observed(gate.flips, parity) if gate.confidence is None else _shown(gate.flips, gate.confidence, parity)
    yield from _accuracies(gate, parity)
    if gate.logits is not None:
        yield _logits(gate.logits, parity)


# Flips.


def _observed(threshold: float, parity: Parity) -> Verdict:
    """The observed share of flips must not exceed the threshold."""
    message = f"{_counted(parity)}, allowed {threshold:g}{_named(parity)}"
    if parity.flips / parity.images <= threshold:
        return verdict("flips", "pass", message, threshold)
    return verdict("flips", "fail", message + _fault(parity), threshold)


def _shown(threshold: float, confidence: float, parity: Parity) -> Verdict:
    """The upper bound must not exceed the threshold (Clopper-Pearson, one-sided: exact at every n)."""
    bounds = proportions.one_sided(parity.flips, parity.images, confidence)
    limits = threshold, confidence
    message = f"{_counted(parity)}, allowed {threshold:g} with {100 * confidence:g} % confidence"
    high, low = f"upper bound {bounds.high:.4f}", f"lower bound {bounds.low:.4f}"
    if bounds.high <= threshold:
        return verdict("flips", "pass", f"{message}; {high} (one-sided Clopper-Pearson){_named(parity)}", *limits)
    if bounds.low > threshold:
        rest = f"{low} (one-sided Clopper-Pearson){_named(parity)}{_fault(parity)}"
        return verdict("flips", "fail", f"{message}; {rest}", *limits)
    rest = f"{low}, {high} (one-sided Clopper-Pearson); {_too_few(parity.images)}"
    rest += f"{_needed(threshold, confidence, parity)}{_named(parity)}{_fault(parity)}"
    return verdict("flips", "inconclusive", f"INCONCLUSIVE: {message}; {rest}", *limits)


def _too_few(images: int) -> str:
    return f"{messages.counted(images, 'image')} {'is' if images == 1 else 'are'} too few to tell"


def _needed(threshold: float, confidence: float, parity: Parity) -> str:
    """How many images would tell, never fewer than those of which none may flip; nothing at the threshold itself."""
    about = proportions.images_needed(parity.flips / parity.images, threshold, confidence, sides=1)
    if about is None:
        return ""
    return f": about {max(about, proportions.fewest_without(threshold, confidence), parity.images + 1):,} would"


def _counted(parity: Parity) -> str:
    share = f"({parity.flips / parity.images:.4f})"
    return f"{_title(parity)}: {parity.flips} of {messages.counted(parity.images, 'image')} flipped {share}"


def _named(parity: Parity) -> str:
    """The first flips with both predictions."""
    flips = [_in_words(flip) for flip in parity.comparison.flips] if parity.comparison else []
    return f"; {messages.named(flips, NAMED_FLIPS)}" if flips else ""


def _in_words(flip: Flip) -> str:
    return f"{flip.path} {flip.before[1]} -> {flip.after[1]}"


# Accuracy and logits.


def _accuracies(gate: ParityGate, parity: Parity) -> Iterator[Verdict]:
    given: Mapping[str, Margin | None] = {"top1": gate.top1, "top5": gate.top5}
    margins = {accuracy: margin for accuracy, margin in given.items() if margin is not None}
    title = f"{_title(parity)}, compared with {parity.model}"
    comparison = parity.comparison
    if comparison is None or not (comparison.same or comparison.differences):
        for accuracy, margin in margins.items():
            message = f"INCONCLUSIVE: {title}: {accuracy} compares nothing, as no image has a label"
            yield verdict(f"not worse {accuracy}", "inconclusive", message, margin.margin, margin.confidence)
        return
    for each in regression.not_worse(comparison, margins, _title(parity), title):
        yield (
            each if each.status == "pass" else replace(each, message=each.message + messages.printable(_fault(parity)))
        )


def _logits(threshold: float, parity: Parity) -> Verdict:
    """The largest distance of a logit on the sample must not exceed the threshold."""
    distance = parity.logits
    if distance is None:
        message = f"{_title(parity)}: its logits cannot be compared{_fault(parity)}"
        return verdict("logits", "error", message, threshold)
    message = (
        f"{_title(parity)}: logits up to {distance.largest:.2g} standard deviations apart on "
        f"{messages.counted(distance.images, 'image')} (median {distance.median:.2g}, "
        f"rounding explains {distance.tolerance:.2g}), allowed {threshold:g}"
    )
    if distance.largest <= threshold:
        return verdict("logits", "pass", message, threshold)
    return verdict("logits", "fail", message + _fault(parity), threshold)


def _fault(parity: Parity) -> str:
    """What explains most of the difference, where anything was found."""
    if not parity.faults:
        return ""
    fault = parity.faults[0]
    share = "" if fault.explained is None else f", explains {math.floor(100 * fault.explained)} % of the difference"
    return f"; {fault.stage}: {fault.name}: {fault.what.rstrip('.')}{share}"
