"""What reports to hand in are made of, for their tests."""

from dataclasses import replace
from typing import Any

import numpy as np

from builders import CONDITIONS, make_latency, make_memory
from imgcls.comparison import pairwise
from imgcls.records.comparison import PairwiseTest, Prediction
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Operator, Profile
from imgcls.records.report import Report
from imgcls.reporting.lab.contents import Contents
from imgcls.reporting.lab.training_runs import TrainingRun
from imgcls.training.history import Epoch, SplitMetrics
from run_parts import make_part

IMAGES = {"cat/1.jpg": 0, "cat/2.jpg": 0, "dog/1.jpg": 1, "elk/1.jpg": 2}
"""The best class of each image by a network that is right."""

OPERATORS = tuple(
    Operator(f"aten::op_{number}", 2, 1_000_000 * number, 2_000_000 * number, 0, 5_000_000, 0, 0)
    for number in range(12, 0, -1)
)


def make_tests(*rights: tuple[str, list[bool]]) -> tuple[PairwiseTest, ...]:
    """The tests of these models, each with whether it is right on each image."""
    models = [model for model, _ in rights]
    return pairwise.pairwise_tests("photos", models, np.array([right for _, right in rights]).T)


def make_contents(*, labelled: bool = True, **values: Any) -> Contents:
    """``good`` is right on four images, ``bad`` only on both cats; both have been measured."""
    good, bad = (
        make_part("good.json", IMAGES, model="good"),
        make_part("bad.json", dict.fromkeys(IMAGES, 0), model="bad"),
    )
    report = replace(
        good.report,
        made_at="2026-01-02T03:04:05+00:00",
        environment={"platform": "Linux-6", "imgcls": "0.1.0", "torch": "2.14.1"},
        results=(*good.report.results, *bad.report.results),
        contrasts=make_tests(("good", [True] * 4), ("bad", [True, True, False, False])) if labelled else (),
        latencies=tuple(
            make_latency(scenario, model=model) for model in ("good", "bad") for scenario in ("SingleStream", "Offline")
        ),
        memories=(make_memory("good"), make_memory("bad", inference=120_000_000)),
        profiles=tuple(
            Profile(replace(CONDITIONS, model=model), (78_000_000,) * 5, OPERATORS) for model in ("good", "bad")
        ),
    )
    predictions: tuple[Prediction, ...] = (*(good.predictions or ()), *(bad.predictions or ()))
    specs = {name: ModelSpec(name, "timm:test_resnet", weights="random:0") for name in ("good", "bad")}
    usual = {"title": "Image classifiers on photos", "report": report, "predictions": predictions, "specs": specs}
    contents = Contents(**{**usual, **values})
    return contents if labelled else replace(contents, report=without_labels(contents.report))


def without_labels(report: Report) -> Report:
    """The same where nothing states what is right."""
    names = [f"{metric}{end}" for metric in ("top1", "top5") for end in ("", "_err", "_low", "_high")]
    unknown: dict[str, Any] = dict.fromkeys(names)
    return replace(report, results=tuple(replace(result, **unknown, classes={}) for result in report.results))


def make_run(name: str = "a", **values: Any) -> TrainingRun:
    """Three epochs of 30 images, each 10 seconds long, two of them for its validation."""
    epochs = tuple(
        Epoch(
            number,
            0.001,
            SplitMetrics(2.0 / number, 0.3 * number, 0.29 * number),
            SplitMetrics(1.5 / number, 0.25 * number, 0.24 * number),
            3.75,
            10.0,
        )
        for number in (1, 2, 3)
    )
    usual = {
        "name": name, "arch": "reference:efficientnet_b0", "weights": None, "train_images": 30, "validation_images": 10,
        "recipe": {"array": "numpy", "device": "cpu", "epochs": 3}, "epochs": epochs,
    }  # fmt: skip
    return TrainingRun(**{**usual, **values})
