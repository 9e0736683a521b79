"""How many images a second one process can prepare and count on many cores, measured on few.

    python bench/many_cores.py [--cores 16] [--models 1] [--data FOLDER]

What releases Python's lock (decoding a JPEG, resizing it) is replaced by sleeping as long, so that any number of cores
could do it; what holds the lock runs as it is. With threads the rate is what the lock allows. With processes the lock
is free of decoding, and the rate is what this machine's cores allow: there the CPU time of the process that runs the
networks is the figure. Networks take no time. Needs a folder of photographs, 256 x 256 pixels and more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from imgcls.data import dataset as datasets
from imgcls.evaluation import pipeline
from imgcls.evaluation.decoders import Decoders
from imgcls.evaluation.todo import Todo
from imgcls.models import inference, loader
from imgcls.preprocessing import geometry, resize, transforms, upper_rows
from imgcls.records.config import DatasetSpec, ModelSpec
from imgcls.records.data import Images
from imgcls.system import machine

SECONDS = {"decode": 0.00085, "resize": 0.0006}
"""What an image of 500 x 375 takes of a core in libjpeg and in Pillow's passes."""

ROUNDS = 4

INPUT = {"resize": 256, "crop": 224, "interpolation": "bilinear"}


class Idle:
    """A network that takes no time, as one on another device takes none of the host's."""

    concurrent, compile_seconds, max_batch_size, module = False, 0.0, None, None

    def __init__(self) -> None:
        self.outputs = np.random.default_rng(0).normal(size=(64, 1000)).astype(np.float32)

    def to_device(self, batch: Any) -> Any:
        return batch

    def forward(self, batch: Any) -> Any:
        return batch

    def to_numpy(self, output: Any, images: int) -> Any:
        del output
        return self.outputs[:images]


@contextmanager
def _waiting() -> Iterator[None]:
    """Decoding and resizing take no processor: their results are computed once, and then waited for."""
    decode, known = upper_rows._decoded, dict[Any, Any]()  # noqa: SLF001 - the parts that release the lock

    def decoded(data: bytes, header: Any, rows: int) -> Any:
        return at_once((len(data), data[-64:], rows), partial(decode, data, header, rows), SECONDS["decode"])

    def in_passes(image: Any, **how: Any) -> Any:
        return geometry.planes(at_once(id(image), partial(_resized, image, **how), SECONDS["resize"]))

    def at_once(key: Any, work: Callable[[], Any], seconds: float) -> Any:
        if key not in known:
            known[key] = work()
        time.sleep(seconds)
        return known[key]

    upper_rows.is_proven()
    resize._way.cache_clear()  # noqa: SLF001
    with mock.patch.object(upper_rows, "_decoded", decoded), mock.patch.object(resize, "_in_passes", in_passes):
        yield
    resize._way.cache_clear()  # noqa: SLF001


def _resized(image: Any, passes: Any, resampling: Any) -> Any:
    """As :mod:`imgcls.preprocessing.resize` resizes, up to what is copied from Pillow under the lock."""
    halfway = resize._halfway(image, passes, resampling)  # noqa: SLF001
    return resize._cut(halfway.resize(passes.size, resampling, passes.box), passes.shown)  # noqa: SLF001


def _rate(images: Images, models: int, processes: Decoders | None) -> tuple[float, float]:
    """Images per second, and CPU milliseconds of this process per image."""
    loaded = loader.load(ModelSpec("idle", "timm:test_resnet", weights="random:0", input=INPUT), "cpu")
    names = [f"idle{number}" for number in range(models)]
    todo = Todo(images, {name: np.ones(len(images), bool) for name in names})
    idle: Any = Idle()
    stages = [pipeline.ModelStage(name, loaded.preprocessing, loaded.info, idle) for name in names]
    single = pipeline.model_thread("cpu")
    started, cpu = time.perf_counter(), time.process_time()
    done = sum(one.images for one in pipeline.batch_results(todo, stages, single, "ignore", None, processes))
    return done / (time.perf_counter() - started), 1000 * (time.process_time() - cpu) / done


def _report(what: str, images: Images, models: int, processes: Decoders | None) -> None:
    rates, cpu = zip(*(_rate(images, models, processes) for _ in range(ROUNDS)), strict=True)
    print(f"{what}: {max(rates):.0f} images/s; this process takes {min(cpu):.3f} ms of CPU for an image")


def main() -> None:
    """Print a line for threads and one for processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "photos")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = datasets.list_images(DatasetSpec("photos", options.data)).images
    blank = torch.zeros(64, 3, 224, 224)

    def sent(_: Any, crops: Any, *__: Any) -> torch.Tensor:
        return blank[: len(np.stack([crop.transpose(2, 0, 1) for crop in crops]))]  # what a GPU is sent

    with (
        mock.patch.multiple(inference, MAX_BATCH_SIZE={"cpu": 32}, BATCH_PIXELS={"cpu": 64 * 224 * 224}),
        mock.patch.object(machine, "threads", return_value=options.cores),
        mock.patch.multiple(transforms, normalize=sent, fingerprint=lambda batch: np.zeros((len(batch), 12))),
    ):
        with _waiting():
            _report("threads", images, options.models, None)
        _report("processes", images, options.models, Decoders(pipeline.threads()))


if __name__ == "__main__":
    main()
