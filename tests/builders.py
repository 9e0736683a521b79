"""Values of the kinds that flow through imgcls, for tests that need one and do not care how it came about."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from imgcls.golden.records import CurrentImage, CurrentResults, Golden, GoldenContext, GoldenImage, Pixels
from imgcls.plugin import costs
from imgcls.records.comparison import Comparison, Difference, Flip
from imgcls.records.config import CropMode, InputSpec, Interpolation
from imgcls.records.evaluation import DatasetOutcome, ModelInfo, Output, PairOutcome, Pass, Scores
from imgcls.records.parity import LogitDistance, Parity
from imgcls.records.performance import AllocationSite, Growth, Latency, Machine, Memory, Peak, RunEnvironment, Scenario
from imgcls.records.report import Report
from imgcls.reporting import result_document
from imgcls.stats import timing

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
CROP_MODES: tuple[CropMode, ...] = get_args(CropMode)


def make_spec(
    resize: int | tuple[int, int],
    crop: tuple[int, int],
    crop_mode: CropMode = "center",
    interpolation: Interpolation = "bilinear",
) -> InputSpec:
    """With ImageNet's mean and standard deviation."""
    return InputSpec(resize, crop, crop_mode, interpolation, MEAN, STD)


SPEC = InputSpec(256, (224, 224), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
NAMES = tuple(f"class {number}" for number in range(20))
PIXELS: Pixels = (300, 200, (10.0, 20.0, 30.0), "abc")
TENSOR = (0.1,) * 12
LOGITS = (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0)
INFO = ModelInfo("eager", "float32", "cpu", SPEC, "ab" * 32, "cd" * 32, 1_248_424, 0.875, 4_993_696)
"""SqueezeNet's."""

# Evaluation.


def make_scores(model: str = "net", **counts: Any) -> Scores:
    """The counts of a model on the dataset ``photos``, of 1000 images unless keywords state others."""
    usual = {"listed": 1000, "scored": 1000, "distinct": 998, "top1_count": 612, "top5_count": 833}
    return Scores(model, "photos", **{**usual, **counts})


def make_pair(model: str = "net", **values: Any) -> PairOutcome:
    """A model on the dataset ``photos``."""
    return PairOutcome(**{"scores": make_scores(model), "facts": INFO, **values})


def make_pass(*models: str, seconds: float = 12.5) -> Pass:
    """The pass of these models over the dataset ``photos``."""
    by_model = dict.fromkeys(models, 1.25)
    return Pass("photos", models, seconds, 20.0, by_model, by_model, dict.fromkeys(models, 0.0), 512_000_000)


def make_outcome(*pairs: PairOutcome, **values: Any) -> DatasetOutcome:
    """These pairs on the dataset ``photos``."""
    usual = {"dataset": "photos", "exif": "ignore", "complete": True, "passes": (), "rejections": ()}
    return DatasetOutcome(pairs=pairs, **{**usual, **values})


def make_report(*pairs: PairOutcome, passes: tuple[Pass, ...] = (), **values: Any) -> Report:
    """The report of a run that is complete and had no gates."""
    return replace(result_document.build([make_outcome(*pairs, passes=passes)], {}, complete=True), **values)


# Deployment.


def make_parity(export: str = "onnx", **values: Any) -> Parity:
    """An export of ``net`` with 2 flips on 50 images of ``photos``; the second image was right and is wrong now."""
    flips = (
        Flip("wrong to otherwise wrong", "a/1.jpg", "11" * 32, "a", (3, "class 3", 0.5), (4, "class 4", 0.6)),
        Flip("right to wrong", "a/2.jpg", "22" * 32, "a", (0, "class 0", 0.9), (5, "class 5", 0.7)),
    )
    top1 = Difference("top1", 50, 40, 39, 1, 0, -0.02, -0.09, 0.03, 1.0, None)
    comparison = Comparison("photos", "net", f"net/{export}", "run", "run", differences=(top1,), flips=flips)
    usual = {
        "model": "net", "export": export, "dataset": "photos", "format": "onnx", "file": f"build/{export}.onnx",
        "runtime": "onnx", "precision": "float32", "images": 50, "same_top1": 48, "same_top5": 47,
        "agreement": "different", "comparison": comparison,
        "logits": LogitDistance(50, 2.5, 0.4, 0.1, 1e-6, 1e-4),
    }  # fmt: skip
    return Parity(**{**usual, **values})


# Performance.

MACHINE = Machine("A fine CPU", 2, "Linux x86_64")
CONDITIONS = RunEnvironment(
    model="net",
    arch="python:nets:net",
    device="cpu",
    batch=1,
    precision="float32",
    runtime="eager",
    threads=2,
    input="resize(8, bilinear)",
    state_sha256="cd" * 32,
    weights_file_sha256=None,
    parameters=25_557_032,
    gmacs=4.089,
    machine=MACHINE,
    versions={"torch": "2.14.0"},
)


def make_latency(
    scenario: Scenario = "SingleStream", *, model: str = "net", rounds: int = 100, **figures: Any
) -> Latency:
    """Rounds of 1 ms, 2 ms and so on; their blocks are those of the rounds."""
    given = Latency(
        conditions=replace(CONDITIONS, model=model, batch=1 if scenario == "SingleStream" else 8),
        scenario=scenario,
        rounds_ns=tuple(1_000_000 * (number + 1) for number in range(rounds)),
        p50_ns=50_000_000,
        p90_ns=90_000_000,
        p95_ns=95_000_000,
        p99_ns=99_000_000,
        images_per_second=20.0,
        steady=True,
        preprocess_ns=2_000_000,
        copy_ns=10_000,
        model_ns=49_000_000,
    )
    latency = replace(given, **figures)
    return replace(latency, blocks_ns=tuple(map(round, timing.block_medians(latency.rounds_ns))))


def make_memory(
    model: str = "net", *, loading: int = 110_000_000, inference: int = 130_000_000, **figures: Any
) -> Memory:
    """102 MB of weights, and the rest of both peaks."""
    sites = (AllocationSite("nets.py:12 in forward", 20_000_000), AllocationSite("nets.py:7 in __init__", 1_000_000))
    weights = {"float32": 102_000_000}
    heap, rest = (loading, inference), (loading - 102_000_000, 1_000_000)
    given = Memory(
        conditions=replace(CONDITIONS, model=model),
        libraries_rss_bytes=300_000_000,
        loading=Peak("loading", heap[0], 420_000_000, weights, 0, 0, rest[0], sites[1:]),
        inference=Peak("inference", heap[1], 450_000_000, weights, heap[1] - 105_000_000, 2_000_000, rest[1], sites),
        growth=Growth(40, 0.0, -100.0, 100.0),
        profiler_bytes=60_000_000,
    )
    return replace(given, **figures)


def make_gpu_memory(model: str = "net", *, inference: int = 260_000_000) -> Memory:
    """The same on a GPU of CUDA, where torch had allocated 140 MB while loading."""
    host = make_memory(model)
    return replace(
        host,
        conditions=replace(host.conditions, device="cuda"),
        loading=replace(host.loading, cuda_allocated_bytes=140_000_000, cuda_reserved_bytes=150_000_000),
        inference=replace(host.inference, cuda_allocated_bytes=inference, cuda_reserved_bytes=300_000_000),
    )


def noisy_rounds(seed: int, factor: float = 1.0) -> tuple[int, ...]:
    """200 rounds of about ``factor`` times 10 ms, in nanoseconds."""
    noise = np.random.default_rng(seed).lognormal(0, 0.02, 200)
    return tuple(round(10_000_000 * factor * value) for value in noise)


def extra_info(seed: int, factor: float = 1.0) -> dict[str, Any]:
    """What pytest-benchmark keeps with a benchmark of :func:`noisy_rounds`."""
    return costs.extra_info(make_latency(rounds_ns=noisy_rounds(seed, factor)))


def write_saved_run(file: Path, benchmarks: Mapping[str, Mapping[str, Any]]) -> Path:
    """A run of pytest-benchmark by the ``extra_info`` of its benchmarks, with the keys that comparisons read."""
    listed = [{"fullname": name, "stats": {"median": 1.0}, "extra_info": extra} for name, extra in benchmarks.items()]
    file.write_text(json.dumps({"version": "5.1.0", "benchmarks": listed}))
    return file


# Files.

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"

HOSTILE = "\x1b]0;owned\x07 \x1b[31m\n\r\t\u202egnp.exe\u2066\u200b\x9b\u2028"
"""A title of the terminal, colour, line breaks, reversed and invisible characters: as names of files may have them."""


# Golden records.

EMPTY_GOLDEN = Golden(
    arch="timm:net",
    options={},
    weights_file_sha256="f" * 64,
    state_sha256="a" * 64,
    input=SPEC,
    exif="ignore",
    precision="float32",
    runtime="eager",
    device="cpu",
    decoder="pillow 13.0.0 (libjpeg_turbo 3.2.0, webp 1.6.0)",
    versions={"torch": "2.14.1", "timm": "1.0.31"},
    labels_sha256="l" * 64,
    folders={"cat": (0,)},
    format=1,
    model="net",
    dataset="photos",
    logit_std=1.0,
    sensitivity=1e-5,
    images=(),
)


def make_output(logits: dict[int, float], tensor: tuple[float, ...] = TENSOR) -> Output:
    top = sorted(logits.items(), key=lambda item: (-item[1], item[0]))[:10]
    return Output(tuple(top), math.log(sum(map(math.exp, logits.values()))), tensor)


def make_golden_image(path: str, output: Output) -> GoldenImage:
    top = tuple((index, NAMES[index], logit) for index, logit in output.top[:5])
    return GoldenImage(
        path, path, "cat", PIXELS, output.fingerprint, "tensor", top, math.exp(output.top[0][1] - output.logsumexp)
    )


SOUND = dict(enumerate(LOGITS))
GOLDEN = replace(
    EMPTY_GOLDEN, images=tuple(make_golden_image(path, make_output(SOUND)) for path in ("cat/1.jpg", "cat/2.jpg"))
)


def make_current(output: Output, **context: object) -> CurrentResults:
    """What a run has in the place of :data:`GOLDEN`: every image with this output; keywords change the context."""
    recorded = GoldenContext(**{field.name: getattr(GOLDEN, field.name) for field in fields(GoldenContext)})
    images = {image.path: CurrentImage(image.sha256, "cat", output) for image in GOLDEN.images}
    return CurrentResults("net", "photos", replace(recorded, **context), NAMES, images)  # type: ignore[arg-type]  # by name
