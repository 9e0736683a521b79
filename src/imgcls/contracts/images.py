"""Whether predictions stay where an image does: in another file of the same pixels, flipped, shifted, or as JPEG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from imgcls.contracts import reencode
from imgcls.contracts.jpeg_reader import Unsupported
from imgcls.contracts.reencode import Encoder
from imgcls.contracts.samples import Sample
from imgcls.contracts.subject import Finding, Subject
from imgcls.messages import named, sentences, spelled
from imgcls.models import inference
from imgcls.preprocessing import decode, preprocess
from imgcls.stats import proportions

RECODED = 4  # docs/decisions.md#rewritten-jpegs
"""The number of images that are encoded again."""

FLIPPED = 16  # docs/decisions.md#images-of-a-contract
"""The most images whose best class is watched."""

SYNTHETIC = 8  # docs/decisions.md#images-of-a-contract
"""The number of images for that where there are none of a dataset."""

CONFIDENCE = 0.975
"""Of each of the two bounds of an interval of 95 %."""

QUALITY = 95


def lossless(subject: Subject) -> Finding:
    """Whether lossless re-encodings of an image leave every bit of its logits as it was."""
    whole = subject.samples(RECODED)
    original = _Computed(subject, whole.items)
    if not np.array_equal(original.logits, _Computed(subject, whole.items).logits, equal_nan=True):
        return Finding("inconclusive", "the same images give other outputs each time: see the contract deterministic")
    counts, left, problems = [], [], []
    for what, encoder in reencode.ENCODERS.items():
        encoded, refused = _encoded(subject, whole.items, what, encoder)
        problems += [why for why in [_changed(subject, original, encoded, what)] if why]
        counts.append(f"{len(encoded)} {what}")
        left += refused
    rule = f"Exif orientation {'applied' if subject.exif == 'apply' else 'ignored'}, colour profiles ignored"
    if problems:
        return Finding("fail", f"{'; '.join(problems)} ({rule})")
    remaining = f"; not tried: {sentences(left)}" if left else ""
    return Finding("pass", f"no bit of the logits changes: {', '.join(counts)} ({whole.what}; {rule}){remaining}")


class _Computed:
    """Images, their input of the network, and their logits."""

    def __init__(self, subject: Subject, items: Sequence[Sample]) -> None:
        self.items, self.batch = items, subject.batch(items)
        self.logits = inference.logits(subject.model.classifier, subject.model.info, self.batch)


def _encoded(
    subject: Subject, items: Sequence[Sample], what: str, encoder: Encoder
) -> tuple[dict[int, Sample], list[str]]:
    """The images that can be encoded so, by their position, and why others are not."""
    if subject.model.spec.decode == "fast" and encoder is reencode.as_png:
        return {}, [f'{what}, because decode = "fast" decodes a JPEG at a scale and a PNG whole']
    encoded, refused = {}, []
    for place, item in enumerate(items):
        try:
            encoded[place] = Sample(item.name, encoder(item.data, subject.exif))
        except Unsupported as reason:
            refused.append(f"{spelled(item.name)} {what} ({reason})")
    return encoded, refused


def _changed(subject: Subject, original: _Computed, encoded: Mapping[int, Sample], what: str) -> str | None:
    """Which images have another input or other logits, and the first stage that differs; None where none has."""
    other = _Computed(subject, [encoded.get(place, item) for place, item in enumerate(original.items)])
    inputs = [not torch.equal(*pair) for pair in zip(original.batch, other.batch, strict=True)]
    logits = [not np.array_equal(*rows, equal_nan=True) for rows in zip(original.logits, other.logits, strict=True)]
    moved = [place for place in encoded if inputs[place] or logits[place]]
    if not moved:
        return None
    stage = _stage(subject, original.items[moved[0]], encoded[moved[0]]) if inputs[moved[0]] else "the network differs"
    apart = float(np.abs(original.logits - other.logits)[moved].max())
    names = named([original.items[place].name for place in moved])
    return f"{what}, {len(moved)} of {len(encoded)} images change: {names}; {stage}, logits by up to {apart:.2g}"


def _stage(subject: Subject, item: Sample, other: Sample) -> str:
    """Where the input of the network begins to differ."""
    first, second = (np.asarray(decode.decode(each.data, subject.exif)) for each in (item, other))
    same = "the pixels are the same, and preprocessing makes another input of them"
    return same if np.array_equal(first, second) else "decoding gives other pixels"


def flips(subject: Subject) -> Finding:
    """On how many images a flip, a shift by a pixel and JPEG of quality 95 move the best class; what is measured."""
    whole = subject.samples(min(FLIPPED, len(subject.images)) or SYNTHETIC)
    images = [decode.decode(item.data, subject.exif) for item in whole.items]
    plain = _input(subject, images)
    best = _best(subject, plain)
    budget, lines, over = subject.budget, [], False
    for what, change in CHANGES.items():
        changed = _best(subject, change(subject, images, plain))
        moved = [place for place, (old, new) in enumerate(zip(best, changed, strict=True)) if old != new]
        interval = proportions.one_sided(len(moved), len(images), CONFIDENCE)
        share = (
            f"{len(moved)} of {len(images)} ({len(moved) / len(images):.1%}, {interval.low:.1%} to {interval.high:.1%})"
        )
        names = [
            f"{whole.items[at].name} {_class(subject, best[at])} -> {_class(subject, changed[at])}" for at in moved
        ]
        lines.append(f"{what} {share}{': ' if names else ''}{named(names, 5)}")
        over = over or (budget is not None and len(moved) > budget * len(images))
    limit = "" if budget is None else f"; the budget is {budget:.1%}"
    text = f"images whose best class moves, with 95 % intervals ({whole.what}): {'; '.join(lines)}{limit}"
    return Finding("fail" if over else "pass", text)


def _input(subject: Subject, images: Sequence[Image.Image]) -> torch.Tensor:
    """The network's input of RGB images."""
    preprocessing = subject.model.preprocessing
    return preprocess.batch(subject.model.input, [preprocessing.crop(image) for image in images])


def _best(subject: Subject, batch: torch.Tensor) -> list[int]:
    rows = inference.logits(subject.model.classifier, subject.model.info, batch)
    return [int(row) for row in rows.argmax(axis=1)]


def _class(subject: Subject, index: int) -> str:
    names = subject.model.labels.names
    return f"{index} {names[index].partition(', ')[0]}" if index < len(names) else str(index)


Change = Callable[[Subject, Sequence[Image.Image], torch.Tensor], torch.Tensor]
"""The network's input of changed images, from the images and their own input."""


def _mirrored(subject: Subject, images: Sequence[Image.Image], _plain: torch.Tensor) -> torch.Tensor:
    return _input(subject, [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images])


def _shifted(_subject: Subject, _images: Sequence[Image.Image], plain: torch.Tensor) -> torch.Tensor:
    """To the left; the last column is repeated."""
    return torch.cat([plain[..., 1:], plain[..., -1:]], dim=-1)


def _as_jpeg(subject: Subject, images: Sequence[Image.Image], _plain: torch.Tensor) -> torch.Tensor:
    return _input(subject, [decode.decode(_jpeg(image)) for image in images])


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


CHANGES: Mapping[str, Change] = {
    "horizontal flip": _mirrored,
    "shift by one pixel": _shifted,
    f"JPEG quality {QUALITY}": _as_jpeg,
}
"""What an image should bear."""
