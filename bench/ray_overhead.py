"""What Ray costs: seconds and CPU seconds of 1000 photographs with mobilenet on Ray, and in one process with its cores.

    python bench/ray_overhead.py --pairs 3

Runs alternate, each a new process with a new store, on all photographs and on the first few of them; what the few cost
is start-up (imports, the cluster, the actors and their models) and is subtracted. CPU seconds are those of the process
and of all below it. Needs the photographs and weights next to the repository.

    python bench/ray_overhead.py --driver 200000

What the driver does for each image of one model, by itself: writing its reference, reading it again, taking the result
and storing it, in CPU seconds of one core; and the bytes that travel and stay.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

SHARED = Path(os.environ.get("IMGCLS_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

FEW = 40
"""Photographs of a run that is taken for start-up."""

CONFIGURATION = """
[datasets.all]
path = "all"
labels = "wnid"
[datasets.few]
path = "few"
labels = "wnid"
[models.mobilenet]
arch = "timm:mobilenetv2_100"
runtime = "eager"
options = {{ pad_type = "same" }}
weights = "{weights}"
labels = "imagenet-1k"
input = {{ resize = 256, crop = 224, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}
"""


class Cost(NamedTuple):
    """Of one run, in seconds: its pass over the images, and the CPU time of all its processes."""

    wall: float
    cpu: float

    def without(self, start: Cost) -> Cost:
        return Cost(self.wall - start.wall, self.cpu - start.cpu)


def project(folder: Path, photographs: int) -> None:
    """A configuration of all photographs and of a few, as links."""
    (folder / "imgcls.toml").write_text(
        CONFIGURATION.format(weights=SHARED / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors")
    )
    classes = sorted((SHARED / "photos").iterdir())
    for name, count in (("all", photographs), ("few", FEW)):
        (folder / name).mkdir()
        for of_class in classes[:count]:
            (folder / name / of_class.name).symlink_to(of_class)


def run(folder: Path, dataset: str, options: Sequence[str]) -> Cost:
    """Score a dataset in a new process and with a new store."""
    with tempfile.TemporaryDirectory(dir=folder) as store:
        document = Path(store) / "document.json"
        command = [sys.executable, "-m", "imgcls", "score", "--datasets", dataset, "--store", f"{store}/store"]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--json", str(document), *options], cwd=folder, stdout=subprocess.DEVNULL
        )
        cpu = _cpu_seconds(process)
        [of_pass] = json.loads(document.read_text())["passes"]
        return Cost(of_pass["seconds"], cpu)


def _cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Those of a process and everything below it, until it ends; what is used in the last moment is not seen."""
    seconds: dict[tuple[int, float], float] = {}
    top = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            for one in [top, *top.children(recursive=True)]:
                with suppress(psutil.Error):
                    times = one.cpu_times()
                    seconds[one.pid, one.create_time()] = times.user + times.system
        time.sleep(0.2)
    return sum(seconds.values())


def measure_driver(images: int) -> None:
    """Results of actors as they arrive, into a store; one line."""
    from imgcls.evaluation import ray_rows
    from imgcls.evaluation.pipeline import BatchResult
    from imgcls.evaluation.ray_engine import IMAGES_PER_PART
    from imgcls.evaluation.ray_source import Parts
    from imgcls.evaluation.storing import IMAGES_PER_COMMIT
    from imgcls.records.data import ImageRef
    from imgcls.records.evaluation import Output
    from imgcls.store.database import Store

    output = Output(tuple((index, 1.0) for index in range(10)), 2.0, (0.5,) * 12)
    hashes = [os.urandom(32).hex() for _ in range(images)]
    refs = [ImageRef(f"n{i % 21841:05}/{i:09}.jpg", Path(f"/data/{i:09}.jpg"), h, None) for i, h in enumerate(hashes)]
    chunks = [refs[start : start + IMAGES_PER_PART] for start in range(0, images, IMAGES_PER_PART)]
    results = [
        ray_rows.pack_result(BatchResult(len(chunk), outputs={"net": [(image, output) for image in chunk]}))
        for chunk in chunks
    ]
    with tempfile.TemporaryDirectory(prefix="imgcls-driver-") as folder, closing(Store(Path(folder, "store"))) as store:
        clocks = [time.process_time()]
        parts = Parts(Path(folder, "parts"), ((chunk, ("net",)) for chunk in chunks))
        starts = [at for task in parts.get_read_tasks(1) for block in task() for at in block["at"].to_pylist()]
        clocks.append(time.process_time())
        arrived = [ray_rows.unpack_result(body, parts.at(at)[0]) for body, at in zip(results, starts, strict=True)]
        clocks.append(time.process_time())
        step = IMAGES_PER_COMMIT // IMAGES_PER_PART
        for start in range(0, len(arrived), step):
            rows = [(image.sha256, one) for part in arrived[start : start + step] for image, one in part.outputs["net"]]
            store.put({"ab" * 32: (1000, rows)})
        clocks.append(time.process_time())
        stored = sum(file.stat().st_size for file in Path(folder, "store").iterdir())
        files = Path(folder, "parts").stat().st_size
    each = [1e6 * (b - a) / images for a, b in itertools.pairwise(clocks)]
    print(
        f"{images} images: references {each[0]:.1f}, results {each[1]:.1f}, storing {each[2]:.1f} us of CPU each: "
        f"{1e6 / sum(each):.0f} images/s; {files / images:.0f} bytes to an actor, "
        f"{sum(map(len, results)) / images:.0f} back, {stored / images:.0f} in the store"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--photographs", type=int, default=1000)
    parser.add_argument("--driver", type=int, metavar="IMAGES")
    options = parser.parse_args()
    if options.driver:
        measure_driver(options.driver)
        return
    engines = {"one process": [], "Ray": ["--engine", "ray"]}
    costs: dict[str, list[Cost]] = {name: [] for name in engines}
    with tempfile.TemporaryDirectory(prefix="imgcls-overhead-") as folder:
        project(Path(folder), options.photographs)
        images = options.photographs - FEW
        for _ in range(options.pairs):
            for name, words in engines.items():
                start = run(Path(folder), "few", words)
                cost = run(Path(folder), "all", words).without(start)
                costs[name].append(cost)
                rate = f"{images / cost.wall:.1f} images/s, {1000 * cost.cpu / images:.2f} ms of CPU per image"
                print(f"{name}: {rate}; start-up {start.wall:.1f} s, {start.cpu:.1f} s of CPU", flush=True)
    here, there = (costs[name] for name in engines)
    for field in Cost._fields:
        ratios = [getattr(b, field) / getattr(a, field) - 1 for a, b in zip(here, there, strict=True)]
        shown = ", ".join(f"{100 * ratio:+.1f}" for ratio in ratios)
        print(f"Ray's {field} seconds: {100 * statistics.median(ratios):+.1f} % (pairs: {shown})")


if __name__ == "__main__":
    main()
