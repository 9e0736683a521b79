"""At which stage something moved: files, decoding, preprocessing, model, scoring or labels.

Pure: given the golden record, what a run has, the images beyond tolerance, and their stages computed again.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from imgcls import messages
from imgcls.golden import diff
from imgcls.golden.records import (
    HASH_DIGITS,
    CurrentResults,
    Golden,
    GoldenContext,
    GoldenImage,
    ImageChange,
    Pixels,
    StageChange,
    Tolerance,
    Trace,
)
from imgcls.messages import named, printable, spelled
from imgcls.records.config import InputSpec

SOFTMAX = 1e-3  # docs/decisions.md#recorded-stages
"""How near to the recorded probability a logit is that has been through a softmax."""

FILE_FAULTS = frozenset({"missing", "permission", "not_regular", "empty", "unreadable", "changed", "unlabelled"})

SHOWN = 5  # docs/decisions.md#names-in-a-message


def stage_changes(
    golden: Golden, current: CurrentResults, beyond: Sequence[ImageChange], trace: Trace, allowed: Tolerance
) -> tuple[StageChange, ...]:
    """What moved at which stage, in the order in which a prediction is computed.

    ``beyond``: the changes of :func:`imgcls.golden.diff.beyond`; ``trace``: of those of them that were traced.
    """
    recorded = {image.path: image for image in golden.images}
    pixels = dict.fromkeys(_other_pixels(golden, current, beyond, trace, allowed))
    tensors = {
        change.path: change.tensor
        for change in beyond
        if change.path not in pixels and _is_other_tensor(change, recorded[change.path], trace, allowed)
    }
    predictions = [c for c in beyond if c.ranks and c.path not in pixels and c.path not in tensors]
    in_scoring = _moved_in_scoring(predictions, recorded, current, trace, allowed.logits * golden.logit_std)
    return (
        *_files(golden, current),
        *_decoding(golden, current, list(pixels), trace),
        *_preprocessing(golden, current, tensors),
        *_model(golden, current, [] if in_scoring else predictions, trace, allowed),
        *_scoring(predictions if in_scoring else []),
        *_labels(golden, current),
    )


def _other_pixels(
    golden: Golden, current: CurrentResults, beyond: Sequence[ImageChange], trace: Trace, allowed: Tolerance
) -> Iterator[str]:
    """The images that other pixels moved; slightly other ones of another decoder do not make quite other tensors."""
    recorded = {image.path: image.pixels for image in golden.images}
    same_decoder = current.context.decoder == golden.decoder
    for change in beyond:
        then, now = recorded[change.path], trace.pixels.get(change.path, recorded[change.path])
        if now != then and (same_decoder or change.tensor <= allowed.tensor or not _alike(now, then)):
            yield change.path


def _alike(now: Pixels, then: Pixels) -> bool:
    """Whether two decoded images have the same size and, within a level, the same mean colour."""
    levels = (abs(a - b) for a, b in zip(now[2], then[2], strict=True))
    return now[:2] == then[:2] and max(levels) <= 1


def _is_other_tensor(change: ImageChange, recorded: GoldenImage, trace: Trace, allowed: Tolerance) -> bool:
    sha256 = trace.tensors.get(change.path, recorded.tensor_sha256)
    return change.tensor > allowed.tensor or sha256 != recorded.tensor_sha256


def _moved_in_scoring(
    predictions: Sequence[ImageChange],
    recorded: Mapping[str, GoldenImage],
    current: CurrentResults,
    trace: Trace,
    allowed: float,
) -> bool:
    """Whether the network's logits are still as recorded and only what is made of them moved.

    A network whose logits are the recorded probabilities is as it was, and a softmax was taken twice.
    """
    traced = [recorded[change.path] for change in predictions if change.path in trace.logits]
    as_recorded = all(
        abs(trace.logits[image.path].get(index, math.inf) - logit) <= allowed
        for image in traced
        for index, _, logit in image.top
    )
    probabilities = all(
        abs(current.images[change.path].output.top[0][1] - recorded[change.path].probability) < SOFTMAX
        for change in predictions
    )
    return bool(traced) and (as_recorded or probabilities)


def _files(golden: Golden, current: CurrentResults) -> Iterator[StageChange]:
    """What became of paths; images that lie under another label are reported with the labels."""
    recorded = {image.path: image.sha256 for image in golden.images}
    relabelled = {path for pair in _relabelled(golden, current) for path in pair}
    unreadable = {path: why for path, why in current.rejected.items() if path in recorded and why[0] in FILE_FAULTS}
    gone = [path for path in recorded if path not in current.images and path not in current.rejected]
    new = [path for path in current.images if path not in recorded]
    other = [path for path in recorded if path in current.images and current.images[path].sha256 != recorded[path]]
    for what, paths in (("gone", gone), ("with other bytes", other), ("new, and not in the golden record", new)):
        if remaining := tuple(path for path in paths if path not in relabelled):
            yield StageChange("files", f"{_count(remaining, len(recorded))} {what}", remaining)
    if unreadable:
        reason, detail = next(iter(unreadable.values()))
        count = _count(unreadable, len(recorded))
        yield StageChange("files", f"{count} cannot be read ({reason}: {detail})", tuple(unreadable))


def _relabelled(golden: Golden, current: CurrentResults) -> list[tuple[str, str]]:
    """Images whose bytes are under another label now, as (recorded path, path)."""
    now = {image.sha256: (path, image.label) for path, image in current.images.items()}
    return [
        (image.path, now[image.sha256][0])
        for image in golden.images
        if image.sha256 in now and now[image.sha256][1] != image.label
    ]


def _decoding(golden: Golden, current: CurrentResults, paths: Sequence[str], trace: Trace) -> Iterator[StageChange]:
    """``paths``: of the images with other pixels."""
    recorded, context = {image.path: image.pixels for image in golden.images}, current.context
    broken = {path: why for path, why in current.rejected.items() if path in recorded and why[0] not in FILE_FAULTS}
    count = _count(paths, len(recorded))
    if broken:
        reason, detail = next(iter(broken.values()))
        what = f"{_count(broken, len(recorded))} can no longer be decoded ({reason}: {detail})"
        yield StageChange("decoding", what, tuple(broken))
    if context.exif != golden.exif:
        yield StageChange("decoding", f"exif {golden.exif} -> {context.exif} gives {count} other pixels", tuple(paths))
    elif paths:
        same, changes = "the same decoder and version", diff.decoder_changes(golden.decoder, context.decoder)
        by = same if context.decoder == golden.decoder else changes
        then, now = recorded[paths[0]], trace.pixels[paths[0]]
        swapped = " (red and blue are exchanged)" if now[2] == then[2][::-1] != then[2] else ""
        what = f"{by} changed the pixels of {count}, as {_pixels(then)} -> {_pixels(now)}{swapped}"
        yield StageChange("decoding", what, tuple(paths))


def _pixels(pixels: Pixels) -> str:
    width, height, colour, sha256 = pixels
    return f"{width}x{height}, mean {colour}, sha256 {sha256}"


def _preprocessing(golden: Golden, current: CurrentResults, tensors: Mapping[str, float]) -> Iterator[StageChange]:
    """``tensors``: how far the means of each other tensor moved, by path."""
    context, count = current.context, _count(tensors, len(golden.images))
    if context.input != golden.input:
        changes = ", ".join(_input_changes(golden.input, context.input))
        what = f"the input spec differs: {changes}; other tensors for {count}"
        yield StageChange("preprocessing", what, tuple(tensors))
    elif tensors:
        same_decoder, changes = context.decoder == golden.decoder, diff.decoder_changes(golden.decoder, context.decoder)
        pillow = "" if same_decoder else f"{changes}, which resizes too; "
        by = f"whose means moved by up to {max(tensors.values()):.2g}"
        what = f"{pillow}the same input spec, and other tensors for {count}, {by}"
        yield StageChange("preprocessing", what, tuple(tensors))


def _input_changes(then: InputSpec, now: InputSpec) -> Iterator[str]:
    for field in fields(InputSpec):
        old, new = getattr(then, field.name), getattr(now, field.name)
        if old != new:
            yield f"{field.name} {old} -> {new}"


def _model(
    golden: Golden, current: CurrentResults, predictions: Sequence[ImageChange], trace: Trace, allowed: Tolerance
) -> Iterator[StageChange]:
    """``predictions``: the changes that neither pixels nor tensors explain."""
    causes = list(_causes(golden, current.context, trace))
    if not causes and not predictions:
        return
    if not causes:
        causes = [_runtime(golden, current.context) or "the model itself: same weights, tensors and versions"]
    what = "; ".join([*causes, *_shift(golden, current, predictions)])
    if predictions:
        moved = f"logits moved by at least {max(c.logits for c in predictions):.2g} of their standard deviation"
        what += (
            f"; {moved} (allowed {allowed.logits:.2g}), and predictions on {_count(predictions, len(golden.images))}"
        )
    else:
        what += "; no prediction moved because of it"
    yield StageChange("model", what, tuple(change.path for change in predictions))


def _causes(golden: Golden, context: GoldenContext, trace: Trace) -> Iterator[str]:
    """What is known to make it another model."""
    if context.arch != golden.arch or context.options != golden.options:
        yield f"{golden.arch} {dict(golden.options)} -> {context.arch} {dict(context.options)}"
    if context.state_sha256 != golden.state_sha256:
        file = f"file {_hashes(golden.weights_file_sha256, context.weights_file_sha256)}, "
        same_file = golden.weights_file_sha256 == context.weights_file_sha256
        state = f"state {_hashes(golden.state_sha256, context.state_sha256)}"
        yield f"the weights differ: {'' if same_file else file}{state}"
    if context.precision != golden.precision:
        yield f"precision {golden.precision} -> {context.precision}"
    if trace.training:
        yield f"{len(trace.training)} of its modules are in training mode, as {trace.training[0]}"


def _runtime(golden: Golden, context: GoldenContext) -> str:
    """What differs in what computes the logits; empty where nothing does."""
    libraries = ("torch", "torchvision", "timm", "numpy")
    changed = [f"device {golden.device} -> {context.device}"] if context.device != golden.device else []
    changed += [
        f"{name} {then} -> {context.versions.get(name)}"
        for name, then in golden.versions.items()
        if name in libraries and context.versions.get(name) != then
    ]
    return f"the runtime: {', '.join(changed)}" if changed else ""


def _shift(golden: Golden, current: CurrentResults, predictions: Sequence[ImageChange]) -> Iterator[str]:
    """Whether most of the first classes are the recorded ones plus a constant: a head that begins elsewhere."""
    first = {image.path: image.top[0][0] for image in golden.images}
    shifts = Counter(current.images[change.path].output.top[0][0] - first[change.path] for change in predictions)
    if predictions:
        shift, count = shifts.most_common(1)[0]
        if shift and 2 * count > len(golden.images):
            yield f"its class numbers are the recorded ones {shift:+d}"


def _scoring(predictions: Sequence[ImageChange]) -> Iterator[StageChange]:
    if predictions:
        count = len(predictions)
        images = messages.counted(count, "image")
        what = f"the network's logits are as recorded, and the predictions made from them are not, on {images}"
        yield StageChange("scoring", what, tuple(change.path for change in predictions))


def _labels(golden: Golden, current: CurrentResults) -> Iterator[StageChange]:
    yield from _names(golden, current)
    if relabelled := _relabelled(golden, current):
        example = f"{relabelled[0][0]} -> {relabelled[0][1]}"
        paths = tuple(path for path, _ in relabelled)
        what = f"{_count(relabelled, len(golden.images))} under another label, as {example}"
        yield StageChange("labels", what, paths)
    now = current.context.folders
    right = [
        f"'{folder}' {list(then)} -> {list(now[folder])}"
        for folder, then in golden.folders.items()
        if folder in now and sorted(now[folder]) != sorted(then)
    ]
    if right:
        folders = messages.counted(len(right), "folder")
        yield StageChange("labels", f"other classes are right for {folders}: {named(right, SHOWN)}")


def _names(golden: Golden, current: CurrentResults) -> Iterator[StageChange]:
    recorded, now = {index: name for image in golden.images for index, name, _ in image.top}, current.names
    renamed = [
        f"{index} '{name}' -> " + (f"'{now[index]}'" if index < len(now) else "no class")
        for index, name in sorted(recorded.items())
        if index >= len(now) or now[index] != name
    ]
    if renamed:
        what = f"{len(renamed)} of {len(recorded)} classes have another name: {named(renamed, SHOWN)}"
        yield StageChange("labels", what)
    elif current.context.labels_sha256 != golden.labels_sha256:
        yield StageChange("labels", "the label list differs, in classes that are in no recorded five")


def message(title: str, stages: Sequence[StageChange], beyond: Sequence[ImageChange]) -> str:
    """What moved, stage by stage, and the images that moved farthest, in lines."""
    lines = [f"{title}: {', '.join(dict.fromkeys(change.stage for change in stages))} moved"]
    for change in stages:
        lines.append(f"  {change.stage}: {printable(change.what)}")
        if change.images:
            lines.append(f"    {named(change.images, SHOWN)}")
    for image in [change for change in beyond if change.ranks][:SHOWN]:
        lines.append(f"  {spelled(image.path)}, by at least {image.logits:.2g} standard deviations of the logits")
        lines += [f"    {printable(rank)}" for rank in image.ranks]
    return "\n".join(lines)


def _count(some: Sequence[object] | Mapping[str, object], total: int) -> str:
    return f"{len(some)} of {messages.counted(total, 'image')}"


def _hashes(then: str | None, now: str | None) -> str:
    return f"{(then or 'none')[:HASH_DIGITS]} -> {(now or 'none')[:HASH_DIGITS]}"
