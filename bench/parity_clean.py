"""Holds clean exports of four real networks against them, and counts in how many comparisons a fault is named.

    python bench/parity_clean.py [--int8]

A forward setting is a network, a runtime, a precision, a batch size and a number of threads, in an order of the images
of its own; its logits are computed once. Each is compared on several subsets of its images. With ``--int8`` the files
are quantised ones, for which only the rounding of all layers may be named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

import parity_integers as integers
from imgcls.models.model import Model
from imgcls.parity.diagnosis import diagnose
from imgcls.parity.sample import Sample
from imgcls.records.data import ImageRef
from parity_exports import copied, drawn, loaded, photographs, reference_of, written
from parity_networks import specs
from parity_planted import INT8, RUNTIMES

IMAGES = 8
SETTINGS = [(size, threads) for size in (1, 2, 8) for threads in (1, 2)]
KINDS = [*((runtime, "float32", 10) for runtime in RUNTIMES), ("onnx", "float16", 5)]
"""Runtime, precision, and how many subsets of the images of a setting are compared."""


def logits(model: Model, batch: torch.Tensor, size: int) -> Any:
    """Of a batch, so many images at once."""
    return np.concatenate([model.classifier.logits(batch[at : at + size]) for at in range(0, len(batch), size)])


def samples(reference: Model, export: Model, size: int, count: int, random: np.random.Generator) -> Iterator[Sample]:
    """Subsets of the images in an order of their own, in batches of a size, as both networks see them."""
    files = [photographs(IMAGES)[at] for at in random.permutation(IMAGES)]
    batch = torch.stack([reference.transform(Image.open(file)) for file in files])
    refs = tuple(ImageRef(file.name, file, "", file.parent.name) for file in files)
    both = (logits(model, batch, size) for model in (reference, export))
    whole = Sample(refs, (frozenset(),) * len(files), batch, batch, *both)
    for _ in range(count):
        yield whole.at(random.permutation(len(files))[: random.integers(3, 7)].tolist())


def of_floats() -> tuple[int, int, int]:
    """False alarms, comparisons and forward settings."""
    alarms = made = settings = 0
    random = np.random.default_rng(0)
    for name, spec in specs().items():
        reference = reference_of(spec)
        for runtime, precision, subsets in KINDS:
            network = copied(reference).to(getattr(torch, precision))
            with TemporaryDirectory() as folder:
                file = written(network, torch.rand(2, *reference.input.shape), runtime, Path(folder))
                export = loaded(reference, file, runtime)
                for size, threads in SETTINGS:
                    torch.set_num_threads(threads)
                    for sample in samples(reference, export, size, subsets, random):
                        found = diagnose.faults(reference, export, sample)
                        made, alarms = made + 1, alarms + bool(found)
                        if found:
                            print(f"false alarm: {name} {runtime} {precision} {size} {threads}: {found[0]}", flush=True)
                    settings += 1
            print(f"{name} {runtime} {precision}: {alarms} false alarms in {made} so far", flush=True)
    return alarms, made, settings


def of_integers() -> tuple[int, int, int]:
    """The same of int8 files, calibrated as usual."""
    alarms = made = 0
    for name, spec in specs().items():
        reference = reference_of(spec)
        for runtime in INT8:
            with TemporaryDirectory() as folder:
                export = loaded(reference, integers.clean(Path(folder), reference, runtime), runtime)
                found = diagnose.faults(reference, export, drawn(reference, export, photographs(4)))
            made, alarms = made + 1, alarms + any(fault.name != "rounding of all layers" for fault in found)
            print(f"{name} {runtime} int8: {[(fault.name, fault.what) for fault in found]}", flush=True)
    return alarms, made, made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--int8", action="store_true")
    alarms, made, settings = of_integers() if parser.parse_args().int8 else of_floats()
    print(f"{alarms} false alarms in {made} clean comparisons of {settings} forward settings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
