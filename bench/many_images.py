"""What a million images and more cost: ``python bench/many_images.py resume``, ``python bench/many_images.py score``.

``resume --images N``: a listing of N images, of which the store has all predictions but a thousand, until it is known
which ones are missing. ``score --images N``: N JPEGs in tar shards, scored with a network for digits; memory and images
per second of each tenth. Both make what they need below ``--folder``, measure in a process of its own, and remove it.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
from PIL import Image

from imgcls.config import loader as configuration
from imgcls.evaluation import evaluator
from imgcls.evaluation.distinct import DistinctImages
from imgcls.models.pool import ModelPool
from imgcls.records.data import ImageRef, Images, Member
from imgcls.records.evaluation import Output
from imgcls.store import checksum, codec, connection
from imgcls.store.database import Store
from imgcls.store.predictions import KEY_BYTES
from imgcls.system import machine

KEY = hashlib.sha256(b"a network").hexdigest()
BODY = codec.pack(Output(tuple((index, 1.0) for index in range(10)), 2.0, (0.5,) * 12))
MISSING = 1_000
SHARDS = 100
SHARD = "/shards/000.tar"
LABELS = "0123456789"
STRIDE = 7_368_787
"""A prime, by whose multiples a listing is in another order than the hashes."""

CONFIGURATION = """
[datasets.tiny]
path = "shards/{{000..{last:03}}}.tar"
labels = "index"

[models.digits]
arch = "timm:test_resnet"
weights = "builtin:digits_resnet"
options = {{ num_classes = 10 }}
labels = "digits"
input = {{ resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}
"""


def sha256_of(number: int, images: int) -> str:
    """A hash for each number, in the order of the numbers."""
    return f"{number * (2**64 // images):016x}{number:048x}"


def write_predictions(folder: Path, images: int) -> None:
    """Predictions for all images but a thousand."""
    with closing(Store(folder)) as store, store.transaction():
        key = bytes.fromhex(KEY)
        connection.write(store._connection, "keys", [(key, 10, int(time.time()))])  # noqa: SLF001 - what no run writes at once
        hashes = (bytes.fromhex(sha256_of(number, images)) for number in range(images) if number % (images // MISSING))
        rows = ((key[:KEY_BYTES], image, BODY, checksum.of("answers", key, image, BODY)) for image in hashes)
        store._connection.executemany("insert into answers values (?, ?, ?, ?)", rows)  # noqa: SLF001


def references(images: int) -> Iterator[ImageRef]:
    """References in tar shards, as a listing makes them."""
    for position in range(images):
        number, path = position * STRIDE % images, f"{position:09}.jpg"
        member = Member("tar", SHARD, path, (position * 2048, 1500))
        yield ImageRef(path, member, sha256_of(number, images), LABELS[number % 10])


def measure_resume(folder: Path, images: int) -> None:
    """References, the listing that holds them, and what is missing."""
    base = machine.peak_rss_bytes()
    clocks = [(time.perf_counter(), time.process_time())]
    listed = Images(references(images))
    clocks.append((time.perf_counter(), time.process_time()))
    distinct = DistinctImages(listed)
    clocks.append((time.perf_counter(), time.process_time()))
    with closing(Store(folder)) as store:
        missing = distinct.missing(store, KEY, ()).sum()
    clocks.append((time.perf_counter(), time.process_time()))
    steps = zip(("listing", "order", "missing"), itertools.pairwise(clocks), strict=True)
    words = ", ".join(f"{name} {b[0] - a[0]:.1f} s (CPU {b[1] - a[1]:.1f})" for name, (a, b) in steps)
    total = clocks[-1][0] - clocks[0][0]
    peak = machine.peak_rss_bytes()
    print(
        f"{images} images, {missing} missing: {total:.1f} s: {words}; peak {peak / 1e6:.0f} MB, {base / 1e6:.0f} before"
    )


def write_shards(folder: Path, images: int) -> None:
    """Tar shards of tiny JPEGs of different bytes, and a configuration."""
    (folder / "shards").mkdir()
    encoded = [_jpeg(grey) for grey in range(0, 250, 25)]
    for shard in range(SHARDS):
        with tarfile.open(folder / "shards" / f"{shard:03}.tar", "w") as archive:
            for number in range(shard * images // SHARDS, (shard + 1) * images // SHARDS):
                comment = number.to_bytes(8)
                start, rest = encoded[number % 10][:2], encoded[number % 10][2:]
                _add(archive, f"{number:08}.jpg", start + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + rest)
                _add(archive, f"{number:08}.cls", str(number % 10).encode())
    (folder / "imgcls.toml").write_text(CONFIGURATION.format(last=SHARDS - 1))


def _jpeg(grey: int) -> bytes:
    data = io.BytesIO()
    Image.new("L", (8, 8), grey).save(data, "JPEG")
    return data.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def measure_score(folder: Path, images: int) -> None:
    """Score the shards; prints a line for each tenth."""
    settings = configuration.load([folder / "imgcls.toml"])
    pool = ModelPool(settings.models, "cpu")
    this = psutil.Process()
    started = time.perf_counter()
    marks: list[tuple[int, float, float, int]] = []

    def progress(_: str, done: int, total: int) -> None:
        marks.append((done, time.perf_counter(), sum(this.cpu_times()[:2]), this.memory_info().rss))
        if done * 10 // total > (marks[-2][0] * 10 // total if len(marks) > 1 else -1):
            print(f"{done} of {total} after {marks[-1][1] - started:.1f} s", file=sys.stderr, flush=True)

    with closing(Store(folder / ".imgcls")) as store:
        outcome = evaluator.evaluate("run", settings.datasets["tiny"], ["digits"], pool, store, progress)
    [pair] = outcome.pairs
    if pair.failure:
        sys.exit(pair.failure.message)
    print(f"listed {pair.scores.listed}, scored {pair.scores.scored}; listing {marks[0][1] - started:.1f} s, ", end="")
    print(f"all {time.perf_counter() - started:.1f} s, peak {machine.peak_rss_bytes() / 1e6:.0f} MB")
    for tenth in range(10):
        first, last = (min(marks, key=lambda mark: abs(mark[0] - images * n / 10)) for n in (tenth, tenth + 1))
        count, seconds, cpu = last[0] - first[0], last[1] - first[1], last[2] - first[2]
        rss = max(mark[3] for mark in marks if first[0] <= mark[0] <= last[0])
        print(
            f"{10 * tenth + 10:3} %: {count / max(seconds, 1e-9):8.0f} images/s, "
            f"{1e6 * cpu / max(count, 1):6.0f} us of CPU each, {rss / 1e6:.0f} MB"
        )
    _print_flatness(marks, images)


def _print_flatness(marks: list[tuple[int, float, float, int]], images: int) -> None:
    sizes = [rss for done, *_, rss in marks if done >= images / 10]
    print(json.dumps({"rss_from": min(sizes), "rss_to": max(sizes), "ratio": round(max(sizes) / min(sizes), 4)}))


def main() -> None:
    """Make what is measured, and measure it in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["resume", "score"])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the store or the shards are written for the time being")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        (measure_resume if arguments.what == "resume" else measure_score)(arguments.measure, arguments.images)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        (write_predictions if arguments.what == "resume" else write_shards)(folder, arguments.images)
        command = [sys.executable, __file__, arguments.what, "--images", str(arguments.images), "--measure", folder]
        sys.exit(subprocess.run(command, env={**os.environ, "TMPDIR": temporary}, check=False).returncode)  # noqa: S603 - this script


if __name__ == "__main__":
    main()
