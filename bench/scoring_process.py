"""A fresh process for one measurement: it imports everything, reports that it is ready, and runs its tasks.

Run by :class:`Process`, with the task it is for. A line of its input is a JSON list, the name of one of :data:`TASKS`
and its arguments; the result is one line of JSON. Everything else it prints goes to its standard error.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Self

IMPORTED = {
    "loop": ("torch", "torchvision", "timm", "imgcls.models.loader"),
    "score": (
        "torch", "torchvision", "timm", "sklearn.metrics", "imgcls.cli.score", "imgcls.evaluation.evaluator",
        "imgcls.reporting.result_document", "imgcls.reporting.tables", "imgcls.models.runtimes.eager",
    ),
}  # fmt: skip
"""What a process imports before any clock runs, by the task it is for."""

SAMPLE = 256
"""Images that the floor is measured with."""

INFERRED = 64
"""Images of the sample that networks are run on."""

INFERENCE_SECONDS = 2.0
"""How long each network is run again and again for the floor."""


def environment(caches: Path) -> dict[str, str]:
    """Variables for all cores, and for compilers that cache in ``caches``: where it is empty, they are cold."""
    inherited = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return inherited | {"XDG_CACHE_HOME": str(caches), "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor")}


class Process:
    """The other end: starts the process; as a context, ends it."""

    def __init__(self, task: str, caches: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, __file__, task],
            env=environment(caches),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let it end; its memory is free when this returns."""
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._errors.close()

    def wait(self) -> None:
        """Return when it has imported everything."""
        self._result()

    def run(self, task: str, *arguments: Any) -> Any:
        """The result of one of :data:`TASKS`. Raises RuntimeError with what the process printed where it died."""
        pipe = self._process.stdin
        assert pipe is not None
        pipe.write(json.dumps([task, *arguments]) + "\n")
        pipe.flush()
        return self._result()

    def _result(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"the measuring process died: {self._errors.read().decode(errors='replace')[-3000:]}")
        return json.loads(line)


def score(*arguments: str) -> float:
    """``imgcls score`` with these arguments; the seconds that it took, loading and compiling among them."""
    from imgcls.cli import main as cli_main

    started = time.perf_counter()
    if code := cli_main.main(["score", *arguments]):
        raise SystemExit(code)
    return time.perf_counter() - started


def loop(config_file: str, name: str, device_name: str, batch_size: int, workers: int) -> dict[str, Any]:
    """PyTorch's transfer-learning tutorial, its validation phase: seconds, and the best class of every image by path.

    https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html, where a DataLoader has batch_size=4 and
    num_workers=4; ``torch.topk`` counts top-5, ``torch.max`` top-1. The clock begins when the network is ready.
    """
    import torch
    from torchvision import datasets

    from imgcls.config import loader as configuration
    from imgcls.models import loader
    from imgcls.models.sources import registry

    settings = configuration.load([Path(config_file)])
    folder = Path(settings.datasets["photos"].path)
    spec = settings.models[name]
    device = torch.device(device_name)
    model = loader.filled(spec)[0].to(device)
    transform = _transform(registry.input_spec(spec))
    top1 = top5 = 0
    best: list[int] = []
    started = time.perf_counter()
    dataset = datasets.ImageFolder(folder, transform, allow_empty=True)
    batches = torch.utils.data.DataLoader(dataset, batch_size=batch_size, num_workers=workers)
    model.eval()
    with torch.no_grad():
        for inputs, labels in batches:
            inputs, labels = inputs.to(device), labels.to(device)  # noqa: PLW2901 - as it stands there
            outputs = model(inputs)
            _, preds = torch.max(outputs, 1)
            top1 += int(torch.sum(preds == labels))
            top5 += int(torch.sum(torch.topk(outputs, 5).indices == labels[:, None]))
            best += preds.tolist()
    seconds = time.perf_counter() - started
    paths = [Path(path).relative_to(folder).as_posix() for path, _ in dataset.samples]
    best_classes = dict(zip(paths, best, strict=True))
    return {"seconds": seconds, "top1_count": top1, "top5_count": top5, "best_classes": best_classes}


def _transform(spec: Any) -> Any:
    """What torchvision's ``weights.transforms()`` gives, for an ``imgcls.records.config.InputSpec``."""
    from torchvision import models, transforms

    return models.get_model_weights("resnet50").DEFAULT.transforms(
        resize_size=spec.resize,
        crop_size=spec.crop[0],
        mean=spec.mean,
        std=spec.std,
        interpolation=transforms.InterpolationMode[spec.interpolation.upper()],
    )


def floor(
    config_file: str, runtimes: dict[str, str], device: str, seconds: float = INFERENCE_SECONDS
) -> dict[str, Any]:
    """What an image costs in parts, each by itself: decoding for all the networks' inputs, and every network.

    ``runtimes``: the one that each model was scored with. Core-seconds of decoding are the CPU time of one thread,
    those of a network on the CPU its seconds times the cores, which it has all to itself.
    """
    from imgcls.config import loader as configuration
    from imgcls.data import dataset as datasets
    from imgcls.models import loader, pool
    from imgcls.preprocessing.preprocess import Preprocessing

    settings = configuration.load([Path(config_file)])
    models = pool.ModelPool(settings.models, device)
    loaded = [loader.with_runtime(models.get(name), runtime) for name, runtime in runtimes.items()]
    listed = datasets.list_images(settings.datasets["photos"]).images
    images = listed[:: max(1, len(listed) // SAMPLE)][:SAMPLE]
    recipes = {model.spec.name: Preprocessing(model.info.input, model.spec.decode) for model in loaded}
    decode_core_seconds, batches = _prepared(images, list(dict.fromkeys(recipes.values())), device)
    of_models = [(model, batches[recipes[model.spec.name]]) for model in loaded]
    model_seconds = {model.spec.name: _inferred(model, batches, device, seconds) for model, batches in of_models}
    return {"decode_core_seconds": decode_core_seconds, "model_seconds": model_seconds}


def _prepared(images: Sequence[Any], recipes: Sequence[Any], device: str) -> tuple[float, dict[Any, list[Any]]]:
    """CPU seconds per image, read, decoded, cropped and normalised as scoring does it; the first batches by recipe.

    Few batches stay: scoring uses its memory again and again, and fresh pages cost a fifth of the time.
    """
    import torch

    from imgcls.evaluation import inputs
    from imgcls.models import inference
    from imgcls.preprocessing import decode as decoding
    from imgcls.preprocessing import preprocess

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    batches: dict[Any, list[Any]] = {recipe: [] for recipe in recipes}
    size = inference.MAX_BATCH_SIZE[device]
    started = time.process_time()
    with decoding.quiet_pillow():
        for start in range(0, len(images), size):
            part: list[Any] = [
                inputs.prepared_or_rejected(image, recipes, "ignore") for image in images[start : start + size]
            ]
            for recipe in recipes:
                batch = preprocess.batch(recipe.input, [prepared.crops[recipe] for prepared in part], device)
                if start < INFERRED:
                    batches[recipe].append(batch)
    core_seconds = (time.process_time() - started) / len(images)
    torch.set_num_threads(threads)
    return core_seconds, batches


def _inferred(model: Any, batches: Sequence[Any], device: str, seconds: float) -> float:
    """Seconds per image when the network is run on these batches again and again, by as many threads as it allows.

    On a GPU by its own clock, so that what the host does between two batches does not count.
    """
    from imgcls.models import inference
    from imgcls.system import machine

    if device != "cpu":
        return device_seconds(model, batches, seconds)

    def infer(batch: Any) -> None:
        inference.logits(model.classifier, model.info, batch)

    turns: list[float] = []
    with ThreadPoolExecutor(machine.cores() if model.classifier.concurrent else 1) as workers:
        list(workers.map(infer, batches))
        while not turns or sum(turns) < seconds:
            started = time.perf_counter()
            list(workers.map(infer, batches))
            turns.append(time.perf_counter() - started)
    return statistics.median(turns) / sum(map(len, batches))


def device_seconds(model: Any, batches: Sequence[Any], seconds: float) -> float:
    """The device's seconds per image, in batches as scoring has them, without the first turn, which loads kernels."""
    from imgcls.models import inference

    size, classifier = inference.batch_size(model.info), model.classifier
    parts = [classifier.to_device(part) for batch in batches for part in batch.split(size)]
    turns: list[float] = []
    while len(turns) < 2 or sum(turns) < seconds:
        turns.append(sum(classifier.device_ns(part) for part in parts) / 1e9)
    return statistics.median(turns[1:]) / sum(map(len, parts))


TASKS: dict[str, Callable[..., Any]] = {"score": score, "loop": loop, "floor": floor}


def main() -> None:
    """Import, print ``true``, and then run one task after the other, until there are no more."""
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in IMPORTED[sys.argv[1]]:
        import_module(name)
    print("true", file=results, flush=True)
    for line in sys.stdin:
        task, *arguments = json.loads(line)
        print(json.dumps(TASKS[task](*arguments)), file=results, flush=True)


if __name__ == "__main__":
    main()
