"""How far each image of a run is from its golden record, and how far it may be."""

import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from imgcls.evaluation import agreement
from imgcls.golden.records import CurrentResults, Golden, GoldenContext, GoldenImage, ImageChange, Tolerance
from imgcls.records.evaluation import Output

ROUNDED = 1e-8  # docs/decisions.md#recorded-stages
"""What nine digits of a probability leave out of its logarithm."""

TENSOR = 1e-4  # docs/decisions.md#tolerance-elsewhere
ANOTHER_DEVICE = 10  # docs/decisions.md#tolerance-elsewhere
ANOTHER_DECODER_LOGITS = 100  # docs/decisions.md#tolerance-elsewhere
ANOTHER_DECODER_TENSOR = 0.02  # docs/decisions.md#tolerance-elsewhere


def tolerance(golden: Golden, context: GoldenContext) -> Tolerance:
    """How far predictions may move in this context.

    Logits in float32: the larger of 1e-4 and 100 times the network's sensitivity; ten times that on another kind of
    device, a hundred times with another decoder, which gives other pixels.
    """
    logits = agreement.allowed(golden.sensitivity, golden.precision)
    if context.decoder != golden.decoder:
        why = f"another decoder, {decoder_changes(golden.decoder, context.decoder)}"
        return Tolerance(ANOTHER_DECODER_LOGITS * logits, ANOTHER_DECODER_TENSOR, why)
    if context.device != golden.device:
        why = f"another kind of device, {golden.device} -> {context.device}"
        return Tolerance(ANOTHER_DEVICE * logits, TENSOR, why)
    return Tolerance(logits, TENSOR, "the same decoder and kind of device")


def decoder_changes(before: str, after: str) -> str:
    """What differs between two decoders, which are described like ``pillow 13.0.0 (libjpeg_turbo 3.2.0, ...)``."""
    old, new = (text.replace("(", ", ").replace(")", "").split(", ") for text in (before, after))
    parts = [f"{a.strip()} -> {b.strip().rpartition(' ')[2]}" for a, b in zip(old, new, strict=False) if a != b]
    return ", ".join(parts) or f"{before} -> {after}"


def image_changes(golden: Golden, current: CurrentResults, allowed: Tolerance) -> list[ImageChange]:
    """How far each recorded image has moved that is still listed with the same bytes."""
    return [
        _image_change(recorded, current.images[recorded.path].output, current.names, golden.logit_std, allowed)
        for recorded in golden.images
        if recorded.path in current.images and current.images[recorded.path].sha256 == recorded.sha256
    ]


def beyond(changes: Sequence[ImageChange], allowed: Tolerance) -> list[ImageChange]:
    """The changes beyond tolerance, farthest first."""
    moved = [change for change in changes if change.tensor > allowed.tensor or change.ranks]
    return sorted(moved, key=lambda change: (-change.logits, -change.tensor, change.path))


def within_tolerance(changes: Sequence[ImageChange], allowed: Tolerance) -> str:
    """How far predictions are from their record where none is beyond tolerance, in words."""
    farthest = max((change.logits for change in changes), default=0.0)
    other_tensors = sum(change.tensor > TENSOR for change in changes)
    tensors = f"{other_tensors} tensors changed; " if other_tensors else ""
    return (
        f"{len(changes)} images as recorded; {tensors}logits moved by at most {farthest:.2g} of their standard "
        f"deviation, allowed {allowed.logits:.2g} ({allowed.why})"
    )


def _image_change(
    recorded: GoldenImage, output: Output, names: Sequence[str], std: float, allowed: Tolerance
) -> ImageChange:
    scale = max(1.0, *map(abs, recorded.tensor))
    pairs = zip_longest(output.fingerprint, recorded.tensor, fillvalue=math.inf)  # another number of channels
    tensor = max(abs(now - then) for now, then in pairs) / scale
    allowed_logit = allowed.logits * std
    ranks = (*_ranks(recorded, output, names, allowed_logit), *_probability(recorded, output, allowed_logit))
    return ImageChange(recorded.path, tensor, max(_logits(recorded, output)) / std, ranks)


def _logits(recorded: GoldenImage, output: Output) -> Iterator[float]:
    """How far each recorded logit moved; for one that is no longer among the ten best, by how much at least."""
    known = dict(output.top)
    for index, _, logit in recorded.top:
        yield abs(known[index] - logit) if index in known else max(0.0, logit - output.top[-1][1])


def _ranks(recorded: GoldenImage, output: Output, names: Sequence[str], allowed: float) -> Iterator[str]:
    """The ranks that changed; neighbours whose recorded logits are closer than what is allowed may swap."""
    logits, known = {index: logit for index, _, logit in recorded.top}, dict(output.top)
    for rank, (then, now) in enumerate(zip_longest(recorded.top, output.top[: len(recorded.top)]), start=1):
        if now is None:
            yield f"{rank}: {_class(*then)} -> nothing"
            continue
        stays = then[0] in known and abs(known[then[0]] - then[2]) <= allowed
        neighbour = abs(logits.get(now[0], now[1]) - then[2]) <= allowed
        if not (stays and (now[0] == then[0] or neighbour)):
            new = "" if now[0] == then[0] else f"{now[0]} {names[now[0]]} "
            yield f"{rank}: {_class(*then)} -> {new}{now[1]:.4f}"


def _class(index: int, name: str, logit: float) -> str:
    return f"{index} {name} {logit:.4f}"


def _probability(recorded: GoldenImage, output: Output, allowed: float) -> Iterator[str]:
    """The first probability, where it moved by more than logits that move by what is allowed can move it."""
    now = math.exp(output.top[0][1] - output.logsumexp)
    moved = abs(math.log(now or math.ulp(0.0)) - math.log(recorded.probability or math.ulp(0.0)))
    if moved > 2 * allowed + ROUNDED:
        yield f"probability of the first: {recorded.probability:.6f} -> {now:.6f}"
