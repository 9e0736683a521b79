"""Latency of the seven, one image at a time and many at once, in three precisions, by the host's clock and events."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any, get_args

from gpu_parts.scene import ROOT, Scene
from gpu_parts.steps import Steps

if TYPE_CHECKING:
    from imgcls.models.model import Model
    from imgcls.records.config import Precision
    from imgcls.records.performance import Scenario

PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "bfloat16")

GRAPHS = ("resnet50", "vit_b16")
"""Those that are also timed as CUDA graphs, in float16."""

SECONDS = 0.3
"""How long rounds are timed; there are 30 of them at least."""

DATASET = "one.toml"


def measure(scene: Scene, steps: Steps) -> None:
    """A planted fault first, then model after model, and the comparison last."""
    from imgcls.models import loader

    models = scene.models()
    steps.take(
        "a planted launch without synchronisation",
        lambda: _planted(loader.load(models["vit_b16"], scene.device)),
    )
    for name, spec in list(models.items())[: 1 if scene.dry else None]:
        _model(scene, steps, name, loader.load(spec, scene.device))
    steps.take("--benchmark-compare with itself", lambda: _compared(scene))


def _model(scene: Scene, steps: Steps, name: str, model: Model) -> None:
    from imgcls.records.performance import Scenario

    for precision in PRECISIONS:
        model = _in_precision(model, precision)
        for scenario in get_args(Scenario):
            steps.take(f"{name}, {precision}, {scenario}", partial(_timed, scene, model, scenario))
    if name in GRAPHS:
        graph = _in_precision(model, "float16", "cuda-graph")
        for scenario in get_args(Scenario):
            steps.take(f"{name}, float16 as CUDA graph, {scenario}", partial(_timed, scene, graph, scenario))


def _in_precision(model: Model, precision: Precision, runtime: str = "eager") -> Model:
    """The same network: its weights are cast in place, which changes no latency."""
    from imgcls.models.runtimes.cuda_graph import GraphClassifier
    from imgcls.models.runtimes.eager import EagerClassifier

    kind = GraphClassifier if runtime == "cuda-graph" else EagerClassifier
    classifier = kind(model.classifier.module, precision, model.info.device)
    info = replace(model.info, precision=precision, runtime=runtime)
    spec = replace(model.spec, precision=precision, runtime=runtime)
    return replace(model, load=lambda: classifier, info=info, spec=spec)


def _timed(scene: Scene, model: Model, scenario: Scenario) -> Mapping[str, Any]:
    from imgcls.performance import latency

    batch = 2 if scene.dry and scenario == "Offline" else None
    timed = latency.measure(model, scenario, batch, seconds=0.01 if scene.dry else SECONDS)
    keys = ("p50_ns", "p95_ns", "images_per_second", "model_ns", "device_p50_ns", "copy_ns", "preprocess_ns", "steady")
    return {"batch": timed.conditions.batch, "rounds": len(timed.rounds_ns)} | {
        key: getattr(timed, key) for key in keys
    }


def _planted(model: Model) -> Mapping[str, Any]:
    """A classifier whose ``logits`` only launches its work must be refused, and the refusal is what is recorded."""
    from imgcls.errors import ModelError
    from imgcls.performance import latency

    with _launching(model) as launching:
        try:
            timed = latency.measure(replace(model, load=lambda: launching), "Offline", 8, seconds=0.01)
        except ModelError as error:
            if "without synchronisation" in str(error):
                return {"caught": str(error)}
            raise
    raise AssertionError(f"a launch without synchronisation was timed: {timed.p50_ns} ns")


@contextmanager
def _launching(model: Model) -> Iterator[Any]:
    """Leaves its work to a thread, and on a card to the card, and returns zeros before either is done."""
    import numpy as np
    import torch

    from imgcls.models.runtimes.eager import EagerClassifier

    outputs = int(model.classifier.logits(torch.zeros(1, *model.info.input.shape)).shape[1])

    with ThreadPoolExecutor(1) as thread:

        class Launching(EagerClassifier):
            launched: Future[Any] | None = None

            def logits(self, batch: torch.Tensor) -> Any:
                self.launched = thread.submit(self._work, self.to_device(batch))
                return np.zeros((len(batch), outputs), np.float32)

            def _work(self, batch: torch.Tensor) -> None:
                for _ in range(4):
                    self.forward(batch)

            def synchronize(self) -> None:
                if self.launched:
                    self.launched.result()
                super().synchronize()

        yield Launching(model.classifier.module, "float32", model.info.device)


def _compared(scene: Scene) -> Mapping[str, Any]:
    """pytest-benchmark's own comparison of two runs of one model, and ``imgcls bench-compare`` of a run with itself."""
    from imgcls.cli import main as command

    saved = scene.folder / "benchmarks"
    _dataset(scene)
    first = _benchmarked(scene, saved, "--benchmark-save=first")
    second = _benchmarked(scene, saved, "--benchmark-compare=0001")
    [file] = saved.rglob("0001_*.json")
    printed = StringIO()
    with redirect_stdout(printed):
        code = command.main(["bench-compare", str(file), str(file)])
    if first or second or code:
        raise AssertionError(f"exit codes {first}, {second} and {code}; {printed.getvalue()}")
    return {"bench_compare": printed.getvalue().strip()}


def _dataset(scene: Scene) -> None:
    """A configuration has one, although latency needs none."""
    from imgcls.performance import latency

    of_class = scene.folder / "one" / "n01440764"
    of_class.mkdir(parents=True)
    (of_class / "0.jpg").write_bytes(latency.images()[0])
    (scene.folder / DATASET).write_text('[datasets.one]\npath = "one"\nlabels = "wnid"\n', encoding="utf-8")


def _benchmarked(scene: Scene, saved: Any, option: str) -> int:
    import pytest

    os.chdir(ROOT)
    options = [
        "bench/test_latency.py", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", "resnet50 and SingleStream",
        "-W", "ignore::pytest.PytestAssertRewriteWarning", f"--imgcls-config={scene.models_file}",
        f"--imgcls-config={scene.folder / DATASET}", f"--imgcls-device={scene.device}", "--imgcls-store=off",
        "--benchmark-max-time=0.01", f"--benchmark-storage=file://{saved}", option,
    ]  # fmt: skip
    return int(pytest.main(options))
