"""From JPEG files to predictions, next to the tutorial's loop on the same card and to what the machine could do."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import scoring_images
import scoring_process
from gpu_parts.scene import REQUESTED, ROOT, Scene
from gpu_parts.steps import Steps

if TYPE_CHECKING:
    from imgcls.models.model import Model

PHOTOGRAPHS = 300
"""Of these, with a comment each, the files are made: no two have the same bytes, or they would be scored once."""

TIMED = ("resnet50", "vit_b16")

VARIANTS = {
    "": "",
    "-float16": 'precision = "float16"',
    "-bfloat16": 'precision = "bfloat16"',
    "-fast": 'precision = "float16"\ndecode = "fast"',
    "-auto": 'precision = "auto"',
    "-graph": 'precision = "float16"\nruntime = "cuda-graph"',
    "-compiled": 'precision = "float16"\nruntime = "compile"',
}
"""What is scored of each of :data:`TIMED`, by the end of its name; the last one at the end of all."""

SWEPT = (1, 8, 16, 32, 64, 128, 256)

LOOP = (4, 4)
"""Images per batch, and workers: the tutorial's own."""

LOOPED = 1800
"""Files that the loop takes, of which it scores fewer in a second."""

MORE = """
[models.resnet18]
arch = "torchvision:resnet18"
[models.mobilenet]
arch = "torchvision:mobilenet_v3_large"
[models.densenet]
arch = "torchvision:densenet121"
"""
"""With the seven these are the ten that are scored in one pass."""

GOAL_IMAGES = 50_000

FLOOR_SECONDS = 0.5

ON_THE_CARD = 64
"""Files that the card decodes at a time."""


Best = dict[str, dict[str, int]]
"""The best class of every image by its path, of the models in float32."""


def measure(scene: Scene, steps: Steps) -> None:
    """Those first that the others are held against, and compiling, which takes longest, last."""
    config, exact = _laid_out(scene, steps), Best()
    for name in TIMED:
        steps.take(f"{name}, the tutorial's loop", partial(_loop, scene, config, name))
        for variant in list(VARIANTS)[: 1 if scene.dry and name != TIMED[0] else -1]:
            steps.take(name + variant, partial(_scored, scene, config, exact, [name + variant]))
    steps.take(f"{TIMED[0]}-float16, decoded the other way", partial(_other_decoding, scene, config, exact))
    steps.take("ten models, float16", partial(_all_scored, scene, config, exact))
    for name in TIMED:
        steps.take(f"{name}, float16, batch sweep", partial(_swept, scene, config, f"{name}-float16"))
    steps.take("decoding on the card", partial(_decoded_on_the_card, scene, config))
    for name in TIMED[:1] if scene.dry else TIMED:
        steps.take(f"{name}-compiled", partial(_scored, scene, config, exact, [f"{name}-compiled"]))


def _laid_out(scene: Scene, steps: Steps) -> Path:
    """Make the files and the configuration of every variant on them."""
    photos = Path(os.environ.get("IMGCLS_SHARED_DATA", ROOT.parent / "shared" / "data")).absolute() / "photos"
    files, made = scene.folder / "files", scene.folder / "photos"
    wnids, without = _classes(scene)
    what = scoring_images.lay_out(made, wnids, photos, min(PHOTOGRAPHS, scene.images), without)
    looped = scene.folder / "looped"
    for folder, count in ((files, scene.images), (looped, min(LOOPED, scene.images))):
        scoring_images.multiply(folder, made, count)
        for wnid in wnids:  # ImageFolder numbers classes by folders
            (folder / wnid).mkdir(exist_ok=True)
    size = sum(file.stat().st_size for file in files.glob("*/*"))
    steps.put("files", {"made_of": what, "files": scene.images, "bytes": size})
    config = scene.folder / "scoring.toml"
    config.write_text(_configuration(scene, files), encoding="utf-8")
    config.with_name("loop.toml").write_text(_configuration(scene, looped), encoding="utf-8")
    return config


def _classes(scene: Scene) -> tuple[Sequence[str], Collection[str]]:
    """ImageNet's 1000, and those of them that a model on another list of classes does not know."""
    from imgcls.models.sources import registry

    lists = [registry.label_list(spec).wnids or () for spec in scene.models().values()]
    wnids = min(lists, key=len)
    return wnids, set(wnids) - set(wnids).intersection(*lists)


def _configuration(scene: Scene, files: Path) -> str:
    text = f'[datasets.photos]\npath = {json.dumps(str(files))}\nlabels = "wnid"\n'
    for name, keys in _networks(scene).items():
        for variant, more in VARIANTS.items():
            text += f"\n[models.{name}{variant}]\n{keys}\n{more}\n"
    return text


def _networks(scene: Scene) -> Mapping[str, str]:
    """The keys of every network's table in a configuration, by its name."""
    text = scene.models_file.read_text(encoding="utf-8")
    if not scene.dry:
        text += MORE.replace("]\n", f"]\n{REQUESTED}")
    tables = [table.partition("]\n") for table in text.split("[models.")[1:]]
    return {name: keys.strip() for name, _, keys in tables}


def _loop(scene: Scene, config: Path, name: str) -> Mapping[str, Any]:
    few = config.with_name("loop.toml")
    outcome = scoring_process.loop(str(few), name, scene.device, *LOOP)
    images = len(outcome["best_classes"])
    return {"images_per_second": images / outcome["seconds"], "images": images, "top1": outcome["top1_count"]}


def _other_decoding(scene: Scene, config: Path, exact: Best) -> Mapping[str, Any]:
    """By threads where processes are the rule, and in a dry run, in which threads are, by processes."""
    from imgcls.evaluation import decoders

    with mock.patch.object(decoders, "are_faster", return_value=scene.dry):
        figures = _scored(scene, config, exact, [f"{TIMED[0]}-float16"])
    return {"decoded_by": "processes" if scene.dry else "threads", **figures}


def _all_scored(scene: Scene, config: Path, exact: Best) -> Mapping[str, Any]:
    figures = _scored(scene, config, exact, [f"{name}-float16" for name in _networks(scene)])
    return {**figures, f"seconds_for_{GOAL_IMAGES}": GOAL_IMAGES / figures["images_per_second"]}


def _scored(scene: Scene, config: Path, exact: Best, names: Sequence[str]) -> Mapping[str, Any]:
    """With an empty store; ``of_floor``: the seconds that the larger floor takes, of those that it took."""
    place = Path(tempfile.mkdtemp(dir=scene.folder))
    document = scene.folder / "scored.json"
    scoring_process.score(
        "--config", str(config), "--models", ",".join(names), "--device", scene.device,
        "--store", str(place), "--json", str(document), "--quiet",
    )  # fmt: skip
    scored = json.loads(document.read_text(encoding="utf-8"))
    passes, results = scored["passes"], {result["model"]: result for result in scored["results"]}
    seconds = sum(one["seconds"] for one in passes)
    if any(result["scored"] != scene.images for result in results.values()):
        raise AssertionError(f"not all of {scene.images} files were scored: {scored['rejections'][:3]}")
    runtimes = {name: result["runtime"] for name, result in results.items()}
    floor = scoring_process.floor(str(config), runtimes, scene.device, 0.0 if scene.dry else FLOOR_SECONDS)
    per_image = _floor(floor)
    return {
        "images_per_second": scene.images / seconds,
        "of_floor": max(per_image.values()) * scene.images / seconds,
        "floor_seconds_per_image": per_image,
        "decode_core_seconds": sum(one["decode_seconds"] for one in passes),
        "model_seconds": sum(sum(one["model_seconds"].values()) for one in passes),
        "load_seconds": sum(sum(one["load_seconds"].values()) for one in passes),
        "compile_seconds": sum(sum(one["compile_seconds"].values()) for one in passes),
        "runtimes": sorted(set(runtimes.values())),
        "screened": {name: result["screened"] for name, result in results.items() if result["screened"]},
        "top1": {name: result["top1_count"] for name, result in results.items()},
        "flips": {name: flips for name in names if (flips := _flips(scored, name, exact)) is not None},
    }


def _flips(scored: Mapping[str, Any], name: str, exact: Best) -> int | None:
    """The images whose best class is not that of the model in float32; None where that was not scored before."""
    best = {one["path"]: one["top"][0][0] for one in scored["predictions"] if one["model"] == name}
    if name in TIMED:
        exact[name] = best
    before = exact.get(name.partition("-")[0])
    return None if before is None else sum(best.get(path) != index for path, index in before.items())


def _floor(floor: Mapping[str, Any]) -> Mapping[str, float]:
    """Seconds per image of decoding on all cores of the host, and of all networks on the device."""
    from imgcls.system import machine

    return {
        "decoding": floor["decode_core_seconds"] / machine.cores(),
        "networks": sum(floor["model_seconds"].values()),
    }


def _swept(scene: Scene, config: Path, name: str) -> Mapping[str, Any]:
    """Images per second of the network itself, by events where there are any, for batches of several sizes."""
    import torch

    model = _model(scene, config, name)
    rates: dict[int, float] = {}
    for size in SWEPT[:2] if scene.dry else SWEPT:
        batch = model.classifier.to_device(torch.randn(size, *model.info.input.shape))
        turns: list[float] = []
        for _ in range(3 if scene.dry else 13):
            started = time.perf_counter_ns()
            model.classifier.forward(batch)
            by_host = time.perf_counter_ns() - started
            turns.append(model.classifier.device_ns(batch) or by_host)
        rates[size] = size * 1e9 / statistics.median(turns[3:] or turns)
    return {"images_per_second_by_batch": rates}


def _model(scene: Scene, config: Path, name: str) -> Model:
    from imgcls.config import loader as configuration
    from imgcls.models import loader

    return loader.load(configuration.load([config]).models[name], scene.device)


def _decoded_on_the_card(scene: Scene, config: Path) -> Mapping[str, Any]:
    """How fast the card decodes, and the predictions that change where it also resizes."""
    import numpy as np
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    from imgcls.evaluation import agreement
    from imgcls.models import inference
    from imgcls.preprocessing import preprocess

    model = _model(scene, config, "resnet50")
    files = sorted((scene.folder / "files").glob("*/*"))[: 4 * ON_THE_CARD]
    data = [file.read_bytes() for file in files]
    encoded = [torch.frombuffer(bytearray(each), dtype=torch.uint8) for each in data]
    rates: list[float] = []
    logits: list[Any] = []
    for start in range(0, len(encoded), ON_THE_CARD):
        part = encoded[start : start + ON_THE_CARD]
        started = time.perf_counter()
        images = decode_jpeg(part, mode=ImageReadMode.RGB, device=scene.device)
        torch.cuda.synchronize()
        rates.append(len(part) / (time.perf_counter() - started))
        logits.append(inference.logits(model.classifier, model.info, _resized(model, images)))
    preprocessing = model.preprocessing._replace(decode="exact")
    crops = [preprocess.prepare(each, [preprocessing]).crops[preprocessing] for each in data]
    exact = inference.logits(model.classifier, model.info, preprocess.batch(model.input, crops, scene.device))
    changed = agreement.prediction_change(exact, np.concatenate(logits))
    figures = {"of_files": len(files), "top1_changed": changed.top1, "top5_changed": changed.top5}
    return {"images_per_second": rates, **figures, "distance": agreement.distance(exact, np.concatenate(logits))}


def _resized(model: Model, images: Sequence[Any]) -> Any:
    """Images on the device, uint8 (3, h, w), as the network takes them: float32 (n, 3, h, w)."""
    import torch
    from torchvision.transforms.v2 import functional

    spec = model.input
    mode = functional.InterpolationMode[spec.interpolation.upper()]
    shorter = spec.resize if isinstance(spec.resize, int) else list(spec.resize)
    crops = [
        functional.center_crop(functional.resize(image, shorter, interpolation=mode, antialias=True), list(spec.crop))
        for image in images
    ]
    mean, std = (torch.tensor(each, device=crops[0].device).view(-1, 1, 1) for each in (spec.mean, spec.std))
    return (torch.stack(crops).float() / 255 - mean) / std
