"""From JPEG files to predictions, next to the tutorial's loop on the same card and to what the machine could do."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scoring_images
import scoring_process
from gpu_parts.scene import ROOT, Scene
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
    "-compiled": 'precision = "float16"\nruntime = "compile"',
}
"""What is scored of each of :data:`TIMED`, by the end of its name."""

SWEPT = (1, 8, 16, 32, 64, 128, 256)

LOOP = (4, 4)
"""Images per batch, and workers: the tutorial's own."""

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
        for variant in ("", "-float16", "-bfloat16", "-fast", "-auto")[: 1 if scene.dry and name != TIMED[0] else None]:
            steps.take(name + variant, partial(_scored, scene, config, exact, [name + variant]))
    everything = [f"{name}-float16" for name in scene.models()]
    steps.take("all models, float16", partial(_scored, scene, config, exact, everything))
    for name in TIMED:
        steps.take(f"{name}, float16, batch sweep", partial(_swept, scene, config, f"{name}-float16"))
    steps.take("decoding on the card", partial(_decoded_on_the_card, scene, config))
    for name in TIMED[:1] if scene.dry else TIMED:
        steps.take(f"{name}-compiled", partial(_scored, scene, config, exact, [f"{name}-compiled"]))


def _laid_out(scene: Scene, steps: Steps) -> Path:
    """Make the files and the configuration of every variant on them."""
    from imgcls.models.sources import registry
    from imgcls.records.config import ModelSpec

    shared = Path(os.environ.get("IMGCLS_SHARED_DATA", ROOT.parent / "shared" / "data")).absolute()
    wnids = registry.label_list(ModelSpec("any", "torchvision:resnet50", labels="imagenet-1k")).wnids
    assert wnids is not None
    files = scene.folder / "files"
    what = scoring_images.lay_out(scene.folder / "photos", wnids, shared / "photos", min(PHOTOGRAPHS, scene.images))
    scoring_images.multiply(files, scene.folder / "photos", scene.images)
    for wnid in wnids:  # ImageFolder numbers classes by folders
        (files / wnid).mkdir(exist_ok=True)
    size = sum(file.stat().st_size for file in files.glob("*/*"))
    steps.put("files", {"made_of": what, "files": scene.images, "bytes": size})
    config = scene.folder / "scoring.toml"
    config.write_text(_configuration(scene, files), encoding="utf-8")
    return config


def _configuration(scene: Scene, files: Path) -> str:
    text = f'[datasets.photos]\npath = {json.dumps(str(files))}\nlabels = "wnid"\n'
    tables = scene.models_file.read_text(encoding="utf-8").split("[models.")[1:]
    for table in tables:
        name, _, keys = table.partition("]\n")
        for variant, more in VARIANTS.items():
            text += f"\n[models.{name}{variant}]\n{keys.rstrip()}\n{more}\n"
    return text


def _loop(scene: Scene, config: Path, name: str) -> Mapping[str, Any]:
    outcome = scoring_process.loop(str(config), name, scene.device, *LOOP)
    return {"images_per_second": scene.images / outcome["seconds"], "top1": outcome["top1_count"]}


def _scored(scene: Scene, config: Path, exact: Best, names: Sequence[str]) -> Mapping[str, Any]:
    """With an empty store; ``of_floor``: the seconds that the larger floor takes, of those that it took."""
    place = scene.folder / "stores" / "+".join(names)[:60]
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
