"""How many planted near duplicates of real photographs are found, kind by kind, and how many pairs falsely.

    python bench/near_duplicates.py [PHOTOS]      (default: ../shared/data/photos)

Every photograph is changed in each of the ways below, encoded, and decoded as `imgcls data check` does. Found is what
the index of all photographs names as its own original. Next to it two usual hashes of 64 bits, each with the largest
distance at which no two of the photographs are taken for each other. Then the same photographs cut into nine parts
each, which have less in them than photographs: how many pairs of parts of different photographs look the same.
Last the time of the search among hashes drawn at random with the spectrum of these parts.
"""

import argparse
import io
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from scipy import fft

from imgcls.inspection import near
from imgcls.inspection.looks import REDUCED
from imgcls.inspection.perceptual import ImageHash, NearIndex, image_hash
from imgcls.preprocessing.decode import Decoding

PHOTOGRAPHS = Path(__file__).parents[2] / "shared" / "data" / "photos"

LARGE = 100_000

Bits = np.ndarray  # (64,) bool


def resized(image: Image.Image, by: int) -> Image.Image:
    return image.resize((max(1, image.width // by), max(1, image.height // by)), Image.Resampling.BICUBIC)


def cropped(image: Image.Image, part: float) -> Image.Image:
    across, down = round(image.width * part), round(image.height * part)
    return image.crop((across, down, image.width - across, image.height - down))


def marked(image: Image.Image) -> Image.Image:
    """With a line of text on a dark ground in the lower right corner."""
    image, font = image.copy(), ImageFont.load_default(max(12, image.height // 16))
    draw = ImageDraw.Draw(image, "RGBA")
    _, _, across, down = draw.textbbox((0, 0), "example.com", font=font)
    corner = (image.width - across - 10, image.height - down - 10)
    draw.rectangle((*corner, image.width, image.height), fill=(0, 0, 0, 120))
    draw.text(corner, "example.com", font=font, fill=(255, 255, 255, 230))
    return image


def brighter(image: Image.Image, by: float) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(by)


def encoded(image: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, quality=quality)
    return stream.getvalue()


KINDS: Mapping[str, Callable[[Image.Image], bytes]] = {
    "half the size": lambda image: encoded(resized(image, 2)),
    "a quarter of the size": lambda image: encoded(resized(image, 4)),
    "256 x 256": lambda image: encoded(image.resize((256, 256))),
    "JPEG, quality 75": lambda image: encoded(image, quality=75),
    "JPEG, quality 50": lambda image: encoded(image, quality=50),
    "PNG": lambda image: encoded(image, "PNG"),
    "WebP": lambda image: encoded(image, "WEBP", 60),
    "2 % cropped at each side": lambda image: encoded(cropped(image, 0.02)),
    "5 % cropped at each side": lambda image: encoded(cropped(image, 0.05)),
    "10 % cropped at each side": lambda image: encoded(cropped(image, 0.10)),
    "brighter by 15 %": lambda image: encoded(brighter(image, 1.15)),
    "darker by 15 %": lambda image: encoded(brighter(image, 0.85)),
    "grey": lambda image: encoded(image.convert("L")),
    "text in a corner": lambda image: encoded(marked(image)),
    "rotated by 2 degrees": lambda image: encoded(image.rotate(2, Image.Resampling.BICUBIC)),
    "a white frame": lambda image: encoded(ImageOps.expand(image, image.width // 40, (255, 255, 255))),
    "mirrored": lambda image: encoded(ImageOps.mirror(image)),
    "mirrored, 5 % cropped": lambda image: encoded(cropped(ImageOps.mirror(image), 0.05)),
}


def decoded(data: bytes) -> Image.Image:
    """As it is decoded where a set is checked."""
    return Decoding(data).fast(REDUCED).image


def difference_hash(image: Image.Image) -> Bits:
    """Whether each pixel of 9 x 8 is darker than its right neighbour."""
    grey = np.asarray(image.convert("L").resize((9, 8)))
    bits: Bits = (grey[:, 1:] > grey[:, :-1]).ravel()
    return bits


def frequency_hash(image: Image.Image) -> Bits:
    """Whether each of the 8 x 8 lowest frequencies of 32 x 32 pixels is above their median (pHash)."""
    lowest = fft.dctn(np.asarray(image.convert("L").resize((32, 32)), dtype=float), norm="ortho")[:8, :8].ravel()
    bits: Bits = lowest > np.median(lowest[1:])
    return bits


USUAL = {"dHash": difference_hash, "pHash": frequency_hash}


def hashes_of(image: Image.Image) -> tuple[ImageHash, dict[str, Bits]]:
    return image_hash(image), {name: usual(image) for name, usual in USUAL.items()}


def planted(file: Path) -> dict[str, tuple[ImageHash, dict[str, Bits]]]:
    """The hashes of a photograph, as ``""``, and of everything that is made of it."""
    data = file.read_bytes()
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    changed = {kind: hashes_of(decoded(change(whole))) for kind, change in KINDS.items()}
    return {"": hashes_of(decoded(data)), **changed}


def parts(file: Path) -> list[ImageHash]:
    """The hashes of the nine parts of a photograph."""
    image = Image.open(file).convert("RGB")
    rows, columns = (np.linspace(0, side, 4).astype(int).tolist() for side in (image.height, image.width))
    boxes = [(columns[c], rows[r], columns[c + 1], rows[r + 1]) for r in range(3) for c in range(3)]
    return [image_hash(image.crop(box)) for box in boxes]


def print_recall(every: list[dict[str, tuple[ImageHash, dict[str, Bits]]]]) -> None:
    index = NearIndex()
    for number, one in enumerate(every):
        index.add(number, one[""][0])
    groups = near.near_groups([one[""][0] for one in every])
    print(f"{len(every)} photographs, {len(every) * (len(every) - 1) // 2} pairs: {len(groups)} groups look the same\n")
    usual = {name: np.stack([one[""][1][name] for one in every]) for name in USUAL}
    distance = {name: _largest_distance(bits) for name, bits in usual.items()}
    print("| planted | found, % | as another photograph |", *(f"{n}, distance {d}, % |" for n, d in distance.items()))
    print("| --- | ---: | ---: |", "---: |" * len(usual))
    for kind in KINDS:
        matches = [index.match(one[kind][0]) for one in every]
        right = sum(match is not None and match.name == number for number, match in enumerate(matches))
        wrong = sum(match is not None and match.name != number for number, match in enumerate(matches))
        of_usual = [
            np.mean([(one[kind][1][name] != usual[name][n]).sum() <= distance[name] for n, one in enumerate(every)])
            for name in USUAL
        ]
        print(f"| {kind} | {100 * right / len(every):.1f} | {wrong} |", *(f"{100 * part:.1f} |" for part in of_usual))


def _largest_distance(bits: np.ndarray) -> int:
    """The largest distance at which no two different ones are taken for each other."""
    distances = (bits[:, None] != bits[None]).sum(axis=2)
    return int(distances[np.triu_indices(len(bits), 1)].min()) - 1


def print_parts(every: list[list[ImageHash]]) -> None:
    pairs = 81 * len(every) * (len(every) - 1) // 2
    groups = near.near_groups([one for of_photograph in every for one in of_photograph])
    false = [group for group in groups if len({place // 9 for place in group.places}) > 1]
    print(f"\nparts of different photographs, {pairs} pairs: {len(false)} groups of {[len(g.places) for g in false]}")


def drawn(spectrum: np.ndarray, count: int) -> Iterator[ImageHash]:
    """Hashes of noise that has this spectrum, (24, 24)."""
    generator = np.random.default_rng(0)
    for _ in range(count):
        noise = fft.idctn(generator.standard_normal(spectrum.shape) * spectrum, norm="ortho")
        yield ImageHash(np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8), 40.0)


def print_time(every: list[list[ImageHash]]) -> None:
    thumbnails = np.stack([one.thumbnail for of_photograph in every for one in of_photograph]).astype(float)
    hashes = list(drawn(fft.dctn(thumbnails, axes=(1, 2), norm="ortho").std(axis=0), LARGE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, processor = time.perf_counter(), time.process_time()
    near.near_groups(hashes)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"\n{LARGE} hashes: {wall:.1f} s, {processor:.1f} s of a core, {more:.0f} MB more memory at its peak")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", nargs="?", type=Path, default=PHOTOGRAPHS)
    files = sorted(parser.parse_args().photos.rglob("*.JPEG"))
    if not files:
        print("no photographs: name their folder", file=sys.stderr)
        return 2
    with ProcessPoolExecutor() as pool:
        print_recall(list(pool.map(planted, files, chunksize=8)))
        of_parts = list(pool.map(parts, files, chunksize=8))
    print_parts(of_parts)
    print_time(of_parts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
