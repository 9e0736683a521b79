"""What moved between a golden and a run, and at which stage: pure, given both."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import zip_longest

from imgcls.pinned import Circumstances, Finding, Golden, Moved, Pin, Pixels, Seen, Tolerance, Trace
from imgcls.records import Answer, InputSpec, Stage

SENSITIVITIES = {"float32": 100, "float16": 3, "bfloat16": 3}
"""How many times the noise of 1e-6 that a sensitivity was measured at: rounding in another order stays below that.

Narrow types round such noise away or to a whole step, which is more than another order does to them."""

FLOOR = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
"""The least tolerance of a logit by precision, in standard deviations."""

ROUNDED = 1e-8
"""What nine digits of a probability leave out of its logarithm."""

TENSOR = 1e-4
ANOTHER_DEVICE = 10
ANOTHER_DECODER_LOGITS = 100
ANOTHER_DECODER_TENSOR = 0.02

SOFTMAX = 1e-3
"""How near to the pinned probability a logit is that has been through a softmax."""

FILE_FAULTS = frozenset({"missing", "permission", "not_regular", "empty", "unreadable", "changed", "unlabelled"})
SHOWN = 5
HASH = 12


def tolerance(golden: Golden, now: Circumstances) -> Tolerance:
    """How far answers may move under these circumstances.

    Logits in float32: the larger of 1e-4 and 100 times the network's sensitivity; ten times that on another kind of
    device, a hundred times with another decoder, which gives other pixels.
    """
    logits = max(FLOOR[golden.precision], SENSITIVITIES[golden.precision] * golden.sensitivity)
    if now.decoder != golden.decoder:
        why = f"another decoder, {_versions(golden.decoder, now.decoder)}"
        return Tolerance(ANOTHER_DECODER_LOGITS * logits, ANOTHER_DECODER_TENSOR, why)
    if now.device != golden.device:
        why = f"another kind of device, {golden.device} -> {now.device}"
        return Tolerance(ANOTHER_DEVICE * logits, TENSOR, why)
    return Tolerance(logits, TENSOR, "the same decoder and kind of device")


# Picture by picture.


def distances(golden: Golden, seen: Seen, allowed: Tolerance) -> list[Moved]:
    """How far each picture is from its pin that is still listed with the same bytes."""
    return [
        _distance(pin, seen.images[pin.path].answer, seen.names, golden.logit_std, allowed)
        for pin in golden.images
        if pin.path in seen.images and seen.images[pin.path].sha256 == pin.sha256
    ]


def moved(found: Sequence[Moved], allowed: Tolerance) -> list[Moved]:
    """Those beyond tolerance, farthest first."""
    beyond = [one for one in found if one.tensor > allowed.tensor or one.ranks]
    return sorted(beyond, key=lambda one: (-one.logits, -one.tensor, one.path))


def _distance(pin: Pin, answer: Answer, names: Sequence[str], std: float, allowed: Tolerance) -> Moved:
    scale = max(1.0, *map(abs, pin.tensor))
    tensor = max(abs(now - then) for now, then in zip(answer.fingerprint, pin.tensor, strict=True)) / scale
    ranks = (*_ranks(pin, answer, names, allowed.logits * std), *_probability(pin, answer, allowed.logits * std))
    return Moved(pin.path, tensor, max(_logits(pin, answer)) / std, ranks)


def _logits(pin: Pin, answer: Answer) -> Iterator[float]:
    """How far each pinned logit moved; for one that is no longer among the ten best, by how much at least."""
    known = dict(answer.top)
    for index, _, logit in pin.top:
        yield abs(known[index] - logit) if index in known else max(0.0, logit - answer.top[-1][1])


def _ranks(pin: Pin, answer: Answer, names: Sequence[str], allowed: float) -> Iterator[str]:
    """The ranks that changed; neighbours whose logits are closer than what is allowed may swap."""
    pinned, known = {index: logit for index, _, logit in pin.top}, dict(answer.top)
    for rank, (then, now) in enumerate(zip_longest(pin.top, answer.top[: len(pin.top)]), start=1):
        if now is None:
            yield f"{rank}: {_class(*then)} -> nothing"
            continue
        stays = then[0] in known and abs(known[then[0]] - then[2]) <= allowed
        neighbour = abs(pinned.get(now[0], now[1]) - then[2]) <= allowed
        if not (stays and (now[0] == then[0] or neighbour)):
            new = "" if now[0] == then[0] else f"{now[0]} {names[now[0]]} "
            yield f"{rank}: {_class(*then)} -> {new}{now[1]:.4f}"


def _class(index: int, name: str, logit: float) -> str:
    return f"{index} {name} {logit:.4f}"


def _probability(pin: Pin, answer: Answer, allowed: float) -> Iterator[str]:
    """The first probability, where it moved by more than logits that move by what is allowed can move it."""
    now = math.exp(answer.top[0][1] - answer.logsumexp)
    moved = abs(math.log(now or math.ulp(0.0)) - math.log(pin.probability or math.ulp(0.0)))
    if moved > 2 * allowed + ROUNDED:
        yield f"probability of the first: {pin.probability:.6f} -> {now:.6f}"


# Stage by stage.


def findings(
    golden: Golden, seen: Seen, beyond: Sequence[Moved], trace: Trace, allowed: Tolerance
) -> tuple[Finding, ...]:
    """What moved at which stage, in the order in which an answer comes about.

    ``beyond``: the pictures of :func:`moved`; ``trace``: of as many of them as were walked again.
    """
    pins = {pin.path: pin for pin in golden.images}
    repainted = dict.fromkeys(_repainted(golden, seen, beyond, trace, allowed))
    reshaped = {
        p.path: p.tensor
        for p in beyond
        if p.path not in repainted
        and (
            p.tensor > allowed.tensor
            or trace.tensors.get(p.path, pins[p.path].tensor_sha256) != pins[p.path].tensor_sha256
        )
    }
    answered = [p for p in beyond if p.ranks and p.path not in repainted and p.path not in reshaped]
    miscounted = _is_miscounted(answered, pins, seen, trace, allowed.logits * golden.logit_std)
    return (
        *_files(golden, seen),
        *_decoding(golden, seen, list(repainted), trace),
        *_preprocessing(golden, seen, reshaped),
        *_model(golden, seen, [] if miscounted else answered, trace, allowed),
        *_scoring(answered if miscounted else []),
        *_labels(golden, seen),
    )


def _repainted(golden: Golden, seen: Seen, beyond: Sequence[Moved], trace: Trace, allowed: Tolerance) -> Iterator[str]:
    """The pictures whose pixels moved them; slightly other ones of another decoder do not make quite other tensors."""
    pinned = {pin.path: pin.pixels for pin in golden.images}
    same_decoder = seen.circumstances.decoder == golden.decoder
    for one in beyond:
        then, now = pinned[one.path], trace.pixels.get(one.path, pinned[one.path])
        if now != then and (same_decoder or one.tensor <= allowed.tensor or not _alike(now, then)):
            yield one.path


def _alike(now: Pixels, then: Pixels) -> bool:
    """Whether two decoded pictures have the same size and, within a level, the same mean colour."""
    levels = (abs(a - b) for a, b in zip(now[2], then[2], strict=True))
    return now[:2] == then[:2] and max(levels) <= 1


def _is_miscounted(
    answered: Sequence[Moved], pins: Mapping[str, Pin], seen: Seen, trace: Trace, allowed: float
) -> bool:
    """Whether the network still says what is pinned, and what is made of that moved: in scoring, not in the model.

    A network whose logits are the pinned probabilities was asked well, and a softmax was taken twice.
    """
    asked = [pins[p.path] for p in answered if p.path in trace.logits]
    as_pinned = all(
        abs(trace.logits[pin.path].get(index, math.inf) - logit) <= allowed
        for pin in asked
        for index, _, logit in pin.top
    )
    probabilities = all(
        abs(seen.images[p.path].answer.top[0][1] - pins[p.path].probability) < SOFTMAX for p in answered
    )
    return bool(asked) and (as_pinned or probabilities)


def _files(golden: Golden, seen: Seen) -> Iterator[Finding]:
    """What became of paths; pictures that lie under another label are told with the labels."""
    pins = {pin.path: pin for pin in golden.images}
    strayed = {path for pair in _strayed(golden, seen) for path in pair}
    broken = {path: why for path, why in seen.rejected.items() if path in pins and why[0] in FILE_FAULTS}
    gone = [path for path in pins if path not in seen.images and path not in seen.rejected]
    new = [path for path in seen.images if path not in pins]
    other = [path for path in pins if path in seen.images and seen.images[path].sha256 != pins[path].sha256]
    for what, paths in (("gone", gone), ("of other bytes", other), ("new, and not in the golden", new)):
        if told := tuple(path for path in paths if path not in strayed):
            yield Finding("files", f"{_count(told, len(pins))} {what}", told)
    if broken:
        reason, detail = next(iter(broken.values()))
        yield Finding("files", f"{_count(broken, len(pins))} not to be read ({reason}: {detail})", tuple(broken))


def _strayed(golden: Golden, seen: Seen) -> list[tuple[str, str]]:
    """Pictures whose bytes are under another label now, as (pinned path, path)."""
    now = {shown.sha256: (path, shown.label) for path, shown in seen.images.items()}
    return [
        (pin.path, now[pin.sha256][0]) for pin in golden.images if pin.sha256 in now and now[pin.sha256][1] != pin.label
    ]


def _decoding(golden: Golden, seen: Seen, repainted: Sequence[str], trace: Trace) -> Iterator[Finding]:
    pins = {pin.path: pin for pin in golden.images}
    broken = {path: why for path, why in seen.rejected.items() if path in pins and why[0] not in FILE_FAULTS}
    if broken:
        reason, detail = next(iter(broken.values()))
        yield Finding("decoding", f"{_count(broken, len(pins))} no longer decoded ({reason}: {detail})", tuple(broken))
    exif, now = f"exif {golden.exif} -> {seen.circumstances.exif}", seen.circumstances
    if now.exif != golden.exif:
        yield Finding("decoding", f"{exif} gives {_count(repainted, len(pins))} other pixels", tuple(repainted))
    elif repainted:
        first = repainted[0]
        by = _versions(golden.decoder, now.decoder) if now.decoder != golden.decoder else "the same decoder and version"
        change = f"{_painted(pins[first].pixels)} -> {_painted(trace.pixels[first])}"
        swapped = " (red and blue are exchanged)" if _are_swapped(trace.pixels[first], pins[first].pixels) else ""
        what = f"{by} changed the pixels of {_count(repainted, len(pins))}, as {change}{swapped}"
        yield Finding("decoding", what, tuple(repainted))


def _are_swapped(now: Pixels, then: Pixels) -> bool:
    return now[2] == then[2][::-1] != then[2]


def _painted(pixels: Pixels) -> str:
    width, height, colour, sha256 = pixels
    return f"{width}x{height}, mean {colour}, sha256 {sha256}"


def _preprocessing(golden: Golden, seen: Seen, reshaped: Mapping[str, float]) -> Iterator[Finding]:
    """``reshaped``: how far the means of each tensor moved that is another."""
    now, many = seen.circumstances, _count(reshaped, len(golden.images))
    if now.input != golden.input:
        changed = ", ".join(_changed_input(golden.input, now.input))
        yield Finding("preprocessing", f"the input spec differs: {changed}; other tensors for {many}", tuple(reshaped))
    elif reshaped:
        pillow = (
            f"{_versions(golden.decoder, now.decoder)}, which resizes too; " if now.decoder != golden.decoder else ""
        )
        by = f"whose means moved by up to {max(reshaped.values()):.2g}"
        yield Finding(
            "preprocessing", f"{pillow}the same input spec, and other tensors for {many}, {by}", tuple(reshaped)
        )


def _changed_input(then: InputSpec, now: InputSpec) -> Iterator[str]:
    for field in fields(InputSpec):
        old, new = getattr(then, field.name), getattr(now, field.name)
        if old != new:
            yield f"{field.name} {old} -> {new}"


def _model(
    golden: Golden, seen: Seen, rethought: Sequence[Moved], trace: Trace, allowed: Tolerance
) -> Iterator[Finding]:
    causes = list(_causes(golden, seen, trace))
    if not causes and not rethought:
        return
    if not causes:
        causes = [_runtime(golden, seen.circumstances) or "the model itself: same weights, tensors and versions"]
    said = "; ".join([*causes, *_shift(golden, seen, rethought)])
    if rethought:
        by = f"logits moved by {max(p.logits for p in rethought):.2g} of their standard deviation or more"
        said += f"; {by} (allowed {allowed.logits:.2g}) and answers on {_count(rethought, len(golden.images))}"
    else:
        said += "; no answer moved by it alone"
    yield Finding("model", said, tuple(p.path for p in rethought))


def _causes(golden: Golden, seen: Seen, trace: Trace) -> Iterator[str]:
    """What is known to be another model."""
    now = seen.circumstances
    if now.arch != golden.arch or now.options != golden.options:
        yield f"{golden.arch} {dict(golden.options)} -> {now.arch} {dict(now.options)}"
    if now.state_sha256 != golden.state_sha256:
        file = f"file {_hashes(golden.weights_file_sha256, now.weights_file_sha256)}, "
        same_file = golden.weights_file_sha256 == now.weights_file_sha256
        yield f"the weights differ: {'' if same_file else file}state {_hashes(golden.state_sha256, now.state_sha256)}"
    if now.precision != golden.precision:
        yield f"precision {golden.precision} -> {now.precision}"
    if trace.training:
        yield f"{len(trace.training)} of its modules are in training mode, as {trace.training[0]}"


def _runtime(golden: Golden, now: Circumstances) -> str:
    """What computes the logits, where that is another; nothing where it is the same."""
    libraries = ("torch", "torchvision", "timm", "numpy")
    changed = [f"device {golden.device} -> {now.device}"] if now.device != golden.device else []
    changed += [
        f"{name} {then} -> {now.versions.get(name)}"
        for name, then in golden.versions.items()
        if name in libraries and now.versions.get(name) != then
    ]
    return f"the runtime: {', '.join(changed)}" if changed else ""


def _shift(golden: Golden, seen: Seen, rethought: Sequence[Moved]) -> Iterator[str]:
    """Whether most of the first classes are the pinned ones plus a constant: a head that begins elsewhere."""
    first = {pin.path: pin.top[0][0] for pin in golden.images}
    shifts = Counter(seen.images[p.path].answer.top[0][0] - first[p.path] for p in rethought)
    if rethought:
        shift, count = shifts.most_common(1)[0]
        if shift and 2 * count > len(golden.images):
            yield f"its class numbers are those of the golden {shift:+d}"


def _scoring(kept: Sequence[Moved]) -> Iterator[Finding]:
    if kept:
        what = f"the network's logits are as pinned, and the answers made from them are not, on {len(kept)} pictures"
        yield Finding("scoring", what, tuple(p.path for p in kept))


def _labels(golden: Golden, seen: Seen) -> Iterator[Finding]:
    names = {index: name for pin in golden.images for index, name, _ in pin.top}
    renamed = [
        f"{index} {name!r} -> {seen.names[index]!r}" if index < len(seen.names) else f"{index} {name!r} -> no class"
        for index, name in sorted(names.items())
        if index >= len(seen.names) or seen.names[index] != name
    ]
    if renamed:
        what = f"{len(renamed)} of {len(names)} classes have another name: {', '.join(renamed[:SHOWN])}{_more(renamed)}"
        yield Finding("labels", what)
    elif seen.circumstances.labels_sha256 != golden.labels_sha256:
        yield Finding("labels", "the label list is another, in classes that are in no pinned five")
    if strayed := _strayed(golden, seen):
        as_one = f"{strayed[0][0]} -> {strayed[0][1]}"
        paths = tuple(path for path, _ in strayed)
        yield Finding("labels", f"{_count(strayed, len(golden.images))} under another label, as {as_one}", paths)
    now = seen.circumstances.folders
    right = [
        f"{folder!r} {list(then)} -> {list(now[folder])}"
        for folder, then in golden.folders.items()
        if folder in now and sorted(now[folder]) != sorted(then)
    ]
    if right:
        what = f"other classes are right for {len(right)} folders: {', '.join(right[:SHOWN])}{_more(right)}"
        yield Finding("labels", what)


# In words.


def message(title: str, found: Sequence[Finding], beyond: Sequence[Moved]) -> str:
    """What moved, stage by stage, and the pictures that moved farthest."""
    stages: Mapping[Stage, None] = dict.fromkeys(finding.stage for finding in found)
    lines = [f"{title}: {', '.join(stages)} moved"]
    for finding in found:
        lines.append(f"  {finding.stage}: {finding.what}")
        if finding.pictures:
            lines.append(f"    {', '.join(finding.pictures[:SHOWN])}{_more(finding.pictures)}")
    for picture in [one for one in beyond if one.ranks][:SHOWN]:
        lines.append(f"  {picture.path}, by {picture.logits:.2g} standard deviations of the logits or more")
        lines += [f"    {rank}" for rank in picture.ranks]
    return "\n".join(lines)


def held(found: Sequence[Moved], allowed: Tolerance) -> str:
    """How far the answers are from their pins where none is beyond tolerance."""
    far = max((one.logits for one in found), default=0.0)
    changed = sum(one.tensor > TENSOR for one in found)
    tensors = f"{changed} tensors changed; " if changed else ""
    return (
        f"{len(found)} pictures as pinned; {tensors}logits moved by at most {far:.2g} of their standard deviation, "
        f"allowed {allowed.logits:.2g} ({allowed.why})"
    )


def _more(listed: Sequence[str]) -> str:
    return f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""


def _count(some: Sequence[object] | Mapping[str, object], total: int) -> str:
    return f"{len(some)} of {total} pictures"


def _hashes(then: str | None, now: str | None) -> str:
    return f"{(then or 'none')[:HASH]} -> {(now or 'none')[:HASH]}"


def _versions(then: str, now: str) -> str:
    """What differs between two decoders, which are described like ``pillow 13.0.0 (libjpeg_turbo 3.2.0, ...)``."""
    old, new = (text.replace("(", ", ").replace(")", "").split(", ") for text in (then, now))
    parts = [f"{a.strip()} -> {b.strip().rpartition(' ')[2]}" for a, b in zip(old, new, strict=False) if a != b]
    return ", ".join(parts) or f"{then} -> {now}"
