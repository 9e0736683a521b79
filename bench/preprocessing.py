"""How fast files become tensors, exactly and nearly, next to torchvision's own transform on Pillow's images.

    python bench/preprocessing.py [--rounds 5] [--interpolations bilinear,bicubic,nearest,lanczos]

From JPEG bytes to normalised float32 tensors, resized to 256 and cropped to 224, by CPU time of one thread, on batches
of 32: ``preprocess.prepare`` and ``preprocess.batch``, as in scoring, with ``decode = "exact"`` and ``"fast"``;
torchvision's transform one image after the other. They take turns batch by batch in one process. A ratio is that of
the medians; with it come the lowest and highest ratio of one round, and how far the pixels are from torchvision's.
Real photographs where ``IMGCLS_SHARED_DATA`` or ``../shared/data`` has them, else smooth noise of 500 x 375. The
images of 12 megapixels are photographs enlarged, as few bytes as such an image has, and mosaics of 64, which are many:
decoding smaller spares all but reading the bytes. Run it while nothing else runs.
"""

import argparse
import io
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.models import ResNet50_Weights
from torchvision.transforms import InterpolationMode

from imgcls.preprocessing import decode as decoding
from imgcls.preprocessing import preprocess
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import InputSpec, Interpolation

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 32
TILE, CAMERA = (500, 375), (4000, 3000)  # width and height

Way = Callable[[Sequence[bytes]], torch.Tensor]


def main() -> None:
    """Measure what the command line requests, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--interpolations", default="bilinear,bicubic,nearest,lanczos")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"pillow {PIL.__version__}, torch {torch.__version__}, torchvision {torchvision.__version__}")
    files = _photographs() or _noises(100)
    enlarged = [_mosaic(files[start:], 8) for start in range(0, len(files), len(files) // 4)]
    mosaics = [_mosaic(files[start:], 1) for start in range(0, len(files), len(files) // 4)]
    with decoding.quiet_pillow():
        for interpolation in options.interpolations.split(","):
            _compare(f"{len(files)} images, {interpolation}", files, interpolation, options.rounds)
        for kind, camera in (("enlarged", enlarged), ("mosaics", mosaics)):
            megabytes = sum(map(len, camera)) / len(camera) / 1e6
            title = f"{len(camera)} {kind} of 12 megapixels and {megabytes:.1f} MB, bilinear"
            _compare(title, camera, "bilinear", options.rounds)


# Files.


def _photographs() -> list[bytes]:
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("IMGCLS_SHARED_DATA", default)) / "photos"
    return [file.read_bytes() for file in sorted(folder.glob("*/*"))]


def _noises(count: int) -> list[bytes]:
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (count, 47, 63, 3), np.uint8)
    return [_jpeg(Image.fromarray(few).resize(TILE, Image.Resampling.BICUBIC)) for few in coarse]


def _mosaic(files: Sequence[bytes], enlarged: int) -> bytes:
    """An image of 12 megapixels, filled with the first files, each ``enlarged`` times its size."""
    width, height = (side * enlarged for side in TILE)
    canvas = Image.new("RGB", CAMERA)
    places = itertools.product(range(0, CAMERA[1], height), range(0, CAMERA[0], width))
    for (top, left), file in zip(places, itertools.cycle(files), strict=False):
        tile = Image.open(io.BytesIO(file)).convert("RGB")
        canvas.paste(tile.resize((width, height), Image.Resampling.BICUBIC), (left, top))
    return _jpeg(canvas)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling="4:2:0")
    return buffer.getvalue()


# Ways from files to a batch.


def _ways(interpolation: Interpolation) -> dict[str, Way]:
    transform = ResNet50_Weights.IMAGENET1K_V1.transforms(interpolation=InterpolationMode(interpolation))
    spec = InputSpec(256, (224, 224), "center", interpolation, MEAN, STD)
    exact, fast = (Preprocessing(spec, decode) for decode in ("exact", "fast"))

    def theirs(files: Sequence[bytes]) -> torch.Tensor:
        return torch.stack([transform(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])

    def ours(preprocessing: Preprocessing, files: Sequence[bytes]) -> torch.Tensor:
        return preprocess.batch(
            spec, [preprocess.prepare(file, [preprocessing]).crops[preprocessing] for file in files]
        )

    return {"torchvision": theirs, "exact": partial(ours, exact), "fast": partial(ours, fast)}


# Measuring.


def _compare(title: str, files: Sequence[bytes], interpolation: Interpolation, rounds: int) -> None:
    ways = _ways(interpolation)
    distance = _distances(ways, files)
    turns = [_round(list(ways.values()), files) for _ in range(rounds)]
    theirs, *ours = ([1000 * seconds / len(files) for seconds in way] for way in zip(*turns, strict=True))
    print(f"\n{title}\n  {'torchvision':12} {statistics.median(theirs):7.3f} ms")
    for name, milliseconds in zip(distance, ours, strict=True):
        ratios = [their / our for their, our in zip(theirs, milliseconds, strict=True)]
        ratio = statistics.median(theirs) / statistics.median(milliseconds)
        spread = f"{ratio:.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"  {name:12} {statistics.median(milliseconds):7.3f} ms  {spread}; {distance[name]}")


def _round(ways: Sequence[Way], files: Sequence[bytes]) -> list[float]:
    """CPU seconds of each way over all files."""
    spent = [0.0] * len(ways)
    for batch in _batches(files):
        for number, way in enumerate(ways):
            begun = time.process_time()
            way(batch)
            spent[number] += time.process_time() - begun
    return spent


def _batches(files: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (files[start : start + BATCH] for start in range(0, len(files), BATCH))


def _distances(ways: dict[str, Way], files: Sequence[bytes]) -> dict[str, str]:
    """How far each other way is from the first."""
    theirs, *others = ways.values()
    levels = {way: list[torch.Tensor]() for way in others}
    for batch in _batches(files):
        expected = theirs(batch)
        for way, of_batches in levels.items():
            of_batches.append(_levels(expected, way(batch)))
    return {name: _distance(torch.cat(of_way)) for name, of_way in zip(list(ways)[1:], levels.values(), strict=True)}


def _levels(theirs: torch.Tensor, ours: torch.Tensor) -> torch.Tensor:
    """By how many of 255 levels two batches differ, uint8 (n, 3, h, w): at least 1 where not all bits are the same."""
    levels = (theirs - ours).abs_().mul_(torch.tensor(STD).view(3, 1, 1)).mul_(255).round_()
    return torch.maximum(levels, (theirs != ours).to(levels.dtype)).to(torch.uint8)


def _distance(levels: torch.Tensor) -> str:
    different = levels.amax(dim=1) > 0
    if not different.any():
        return f"0 of {different.numel():,} pixels different"
    share, mean = (100 * int(different.sum()) / different.numel()), int(levels.sum()) / levels.numel()
    return f"{share:.2f} % of pixels different, by {mean:.3f} levels in the mean, {levels.max()} at most"


if __name__ == "__main__":
    main()
