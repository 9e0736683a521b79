"""What programs that serve do otherwise than the network was tested with: one row for each, to be tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from imgcls.records.config import InputSpec
from imgcls.records.parity import FaultStage
from imgcls.serving.steps import Filter, Steps

FRACTIONS = (0.875, 0.9, 0.95, 1.0)
"""Published ratios of a crop to the image that it is cut from."""

FAMILIES: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0.5, Keras's mode tf, x / 127.5 - 1,": ((0.5,) * 3, (0.5,) * 3),
    "CLIP's": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}
"""Means and standard deviations for pixels in [0, 1]."""

CAFFE = (123.68, 116.779, 103.939)
"""Means of red, green and blue that Keras's mode ``caffe`` subtracts."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing done otherwise. ``changes``: fields of :class:`Steps`; ``what``: a sentence with the remedy.

    ``kinds``: beginnings of the kinds of image that it is about; empty: of all.
    """

    stage: FaultStage
    name: str
    what: str
    changes: Mapping[str, Any]
    kinds: tuple[str, ...] = ()


def applied(steps: Steps, variants: Iterable[Variant]) -> Steps:
    """The steps with what all these change."""
    changes = {key: value for variant in variants for key, value in variant.changes.items()}
    return replace(steps, **changes)


def compatible(one: Variant, other: Variant) -> bool:
    """Whether both may be at work: they change different fields."""
    return one.changes.keys().isdisjoint(other.changes)


def of_files(steps: Steps) -> Iterator[Variant]:
    """What matters for unusual files only."""
    if steps.exif == "ignore":
        what = (
            "images are turned upright by their Exif orientation, and the network was tested without: leave it out, or "
            'write exif = "apply" into the table of the dataset'
        )
        yield Variant("decoding", "Exif orientation applied", what, {"exif": "apply"}, ("Exif",))
    else:
        what = "the Exif orientation is ignored, and the network was tested with it: call ImageOps.exif_transpose first"
        yield Variant("decoding", "Exif orientation ignored", what, {"exif": "ignore"}, ("Exif",))
    what = "embedded colour profiles are converted to sRGB; the network was tested with values as they are stored"
    yield Variant("decoding", "colour management", what, {"colour": "managed"}, ("embedded",))
    for colour in ("white", "black"):
        what = f"transparent images are laid on {colour}; the network was tested with alpha dropped: convert('RGB')"
        yield Variant("decoding", f"alpha on {colour}", what, {"alpha": f"on {colour}"}, ("PNG", "palette"))
    what = (
        "grey values of 16 bits are clipped to white, as Pillow's convert('RGB') does; the network was tested with "
        "their upper 8 bits: take values >> 8 where the image's mode is I;16"
    )
    yield Variant("decoding", "16 bits clipped", what, {"depth": "clipped"}, ("16 bit",))


def of_all(steps: Steps, *, service: bool = False) -> tuple[Variant, ...]:
    """What matters for every image, the simplest first; ``service``: there are logits to go wrong, too."""
    if steps.own is not None:
        what = "channels are BGR, and the network takes RGB: swap them"
        rows = [*_decoders(), Variant("preprocessing", "channel order", what, {"order": "swapped"})]
    else:
        rows = [*_decoders(), *_filters(steps.input), *_roundings(steps.input), *_fits(steps.input)]
        rows += [*_sizes(steps), *_values(steps.input)]
    return (*rows, *(_outputs() if service else ()))


def _decoders() -> Iterator[Variant]:
    what = "JPEGs are decoded at a fraction of their size, as Image.draft does; the network was tested with all pixels"
    yield Variant("decoding", "draft mode", what, {"decoder": "draft"})
    what = (
        "subsampled colour of JPEGs is repeated and not interpolated, as a decoder set to fast upsampling does; the "
        "network was tested with libjpeg's fancy upsampling"
    )
    yield Variant("decoding", "JPEG decoder", what, {"decoder": "repeated chroma"})


_OTHER_FILTERS: Mapping[Filter, tuple[str, str]] = {
    "bilinear without antialias": (
        "bilinear without antialias",
        "resize is bilinear without antialias, as cv2.INTER_LINEAR, tf.image.resize and antialias=False do",
    ),
    "bicubic without antialias": (
        "bicubic without antialias",
        "resize is bicubic without antialias, as cv2.INTER_CUBIC and antialias=False do",
    ),
    "area": ("OpenCV's area", "resize takes the mean of areas, as cv2.INTER_AREA does"),
    "nearest from the corner": (
        "OpenCV's nearest",
        "resize takes the nearest pixel as measured from the corner, as cv2.INTER_NEAREST does",
    ),
}


def _filters(spec: InputSpec) -> Iterator[Variant]:
    tested = "without any filter" if spec.interpolation == "nearest" else "with antialias"
    tested = f"; the network was tested with Pillow's {spec.interpolation}, {tested}"
    for by in get_args(Filter):
        name, what = _OTHER_FILTERS.get(by, (f"{by} interpolation", f"resize is Pillow's {by}"))
        if by != spec.interpolation:
            yield Variant("preprocessing", name, what + tested, {"filter": by})


def _roundings(spec: InputSpec) -> Iterator[Variant]:
    if spec.interpolation not in {"bilinear", "bicubic"}:
        return
    tested = "; the network was tested with values rounded to bytes"
    what = f"resize leaves values unrounded, as on tensors of floating point{tested}"
    yield Variant("preprocessing", "unrounded resize", what, {"rounding": "none"})
    what = f"resized values are cut to bytes, as a cast to uint8 does{tested}: round first"
    yield Variant("preprocessing", "cut to bytes", what, {"rounding": "down"})


def _fits(spec: InputSpec) -> Iterator[Variant]:
    tested = f"; the network was tested with resize({spec.resize}, {spec.crop_mode}) and a crop of {spec.crop}"
    rows: dict[str, tuple[str, str]] = {
        "squash": ("squash for crop", "images are squashed to the input, whatever their proportions are"),
        "letterbox": ("letterbox", "whole images are fitted into the input with a border"),
        "shorter side": ("no margin", "the shorter side becomes that of the input, of which nothing is cut off"),
        "thumbnail": ("thumbnail", "the longer side is resized, as Pillow's thumbnail does"),
        "thumbnail of the crop": ("thumbnail to the crop", "the longer side becomes that of the crop, by thumbnail"),
        "square first": ("square crop first", "the middle square is cut out before the resize"),
        "centre first": ("central crop first", "the middle 87.5 % are cut out before the resize, as central_crop does"),
    }
    if spec.interpolation == "bicubic":
        del rows["letterbox"]  # which thumbnails are
    if spec.resize in {max(spec.crop), spec.crop}:
        del rows["thumbnail of the crop"]
    same = {"center": "shorter side" if spec.resize == min(spec.crop) else "", "squash": "squash"}.get(spec.crop_mode)
    for fit, (name, what) in rows.items():
        if fit not in {same, "shorter side" if spec.crop_mode == "center" else ""}:
            yield Variant("preprocessing", name, what + tested, {"fit": fit})


def _sizes(steps: Steps) -> Iterator[Variant]:
    spec = steps.input
    if spec.crop_mode == "squash":
        return
    if spec.crop_mode == "center":
        yield from _fractions(spec)
    if isinstance(spec.resize, int):
        what = "the longer side after the resize is rounded; the network was tested with it cut to whole pixels"
        yield Variant("preprocessing", "long side rounded", what, {"long_side": "rounded"})
    tested = "; the network was tested with half a pixel rounded to even, as torchvision's CenterCrop does"
    what = f"the crop begins half a pixel to the left or above where it is odd, as a division with // does{tested}"
    yield Variant("preprocessing", "crop start rounded down", what, {"start": "down"})
    what = f"the crop begins one pixel to the right and below{tested}"
    yield Variant("preprocessing", "off by one crop", what, {"start": "one more"})


def _fractions(spec: InputSpec) -> Iterator[Variant]:
    crop = min(spec.crop)
    stated = spec.resize if isinstance(spec.resize, int) else min(spec.resize)
    sizes = dict[int, float]()
    for fraction in FRACTIONS:
        sizes.setdefault(int(crop / fraction), fraction)
    for size, fraction in sizes.items():
        if size != stated:
            what = (
                f"the shorter side becomes {size}, of which the crop is {fraction:g}; the network was tested with "
                f"{stated}, a fraction of {crop / stated:.3g}"
            )
            yield Variant("preprocessing", f"crop fraction {fraction:g}", what, {"resize": size})


def _values(spec: InputSpec) -> Iterator[Variant]:
    stated = ", ".join(f"{value:g}" for value in spec.mean), ", ".join(f"{value:g}" for value in spec.std)
    tested = f"; the network was tested with mean ({stated[0]}) and std ({stated[1]}) of RGB in [0, 1]"
    if spec.channels == 3:
        what = "channels are BGR, as cv2.imread has them, and the network takes RGB: cvtColor(image, COLOR_BGR2RGB)"
        yield Variant("preprocessing", "channel order", what, {"order": "BGR"})
    if len({*zip(spec.mean, spec.std, strict=True)}) > 1:
        what = f"channels are swapped after they were normalised{tested}"
        yield Variant("preprocessing", "swapped channels", what, {"order": "swapped"})
    yield from _scales(tested)
    for name, (mean, std) in _families(spec).items():
        title = name.partition(",")[0]
        yield _normalised(f"{title} mean and std", f"mean and std are {name} {mean}, {std}", tested, mean, std)
    zero, one = (0.0,) * spec.channels, (1.0,) * spec.channels
    if (spec.mean, spec.std) != (zero, one):
        yield _normalised("not normalised", "values are in [0, 1] and not normalised", tested, zero, one)
        raw = {"scale": 1.0, "mean": zero, "std": one}
        yield Variant("preprocessing", "raw bytes", f"values are bytes, in [0, 255]{tested}", raw)
    if spec.std != one and spec.mean != zero:
        yield _normalised("mean only", "the mean is subtracted, and nothing is divided by std", tested, spec.mean, one)
    if spec.channels == 3:
        caffe = {"scale": 1.0, "mean": CAFFE[::-1], "std": one, "order": "BGR"}
        what = f"values are Keras's mode caffe: BGR in [0, 255] less means{tested}"
        yield Variant("preprocessing", "caffe's values", what, caffe)
    yield from _layouts()


def _families(spec: InputSpec) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    if spec.channels != 3:
        return {"0.5, x / 127.5 - 1,": ((0.5,), (0.5,))} if spec.std != (0.5,) * spec.channels else {}
    return {name: family for name, family in FAMILIES.items() if family != (spec.mean, spec.std)}


def _normalised(name: str, what: str, tested: str, mean: tuple[float, ...], std: tuple[float, ...]) -> Variant:
    return Variant("preprocessing", name, what + tested, {"mean": mean, "std": std})


def _scales(tested: str) -> Iterator[Variant]:
    what = f"bytes are normalised without being divided by 255{tested}"
    yield Variant("preprocessing", "not divided by 255", what, {"scale": 1.0})
    what = f"values are divided by 255 twice{tested}"
    yield Variant("preprocessing", "divided by 255 twice", what, {"scale": 255.0**2})
    what = f"values are normalised twice{tested} once: remove one of both, the other may be in the network"
    yield Variant("preprocessing", "normalised twice", what, {"normalised": 2})


def _layouts() -> Iterator[Variant]:
    what = "an array (h, w, channels) is reshaped to (channels, h, w); transpose it: array.transpose(2, 0, 1)"
    yield Variant("preprocessing", "NHWC read as NCHW", what, {"layout": "reshaped"})
    what = "rows and columns are swapped, as transpose(2, 1, 0) or array.T does; the network takes (channels, h, w)"
    yield Variant("preprocessing", "rows and columns swapped", what, {"layout": "turned"})


def _outputs() -> Iterator[Variant]:
    what = "a softmax is taken of probabilities, and the network returns logits, to which one softmax belongs"
    yield Variant("output", "softmax twice", what, {"output": "softmax twice"})
    what = "a sigmoid is taken of each logit; the network was tested with a softmax over all of them"
    yield Variant("output", "sigmoid", what, {"output": "sigmoid"})
    for shift in (1, -1):
        what = f"the number of each class is {shift:+d} of the network's: another list of labels, or a background class"
        yield Variant("labels", f"labels shifted by {shift:+d}", what, {"label_shift": shift})
