"""What a weights file states about itself: architecture, options, classes and input, in its header or next to it.

The header is that of our own trainings; next to a file of Hugging Face's layout are ``config.json``, of timm or of
transformers, and ``preprocessor_config.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from imgcls import lfs, light_imports
from imgcls.data import class_lists
from imgcls.errors import ConfigError, ImgclsError, LabelError, ModelError
from imgcls.messages import one_line
from imgcls.models.weights import files, lazy_tensor
from imgcls.records.config import Architecture, BuiltinWeights, ModelSpec, WeightsFile
from imgcls.records.data import LabelList

CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"

_SAME = {"reference": "torchvision"}  # the reference's networks have torchvision's names, shapes and outputs
_PILLOWS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # PIL.Image.Resampling, as transformers writes it


class Statement(NamedTuple):
    """What is stated about weights; ``sources``: the name of the file that states each key of ``input``."""

    architecture: str | None = None
    options: Mapping[str, Any] = {}
    labels: LabelList | None = None
    input: Mapping[str, Any] = {}
    sources: Mapping[str, str] = {}


def weights_file(spec: ModelSpec) -> Path | None:
    """The file of weights that ``weights`` names, the user's own or one of this package; None where it names none.

    Raises ConfigError where this package has none of that name, and what :func:`files.located` raises.
    """
    weights = spec.weights_source
    if isinstance(weights, WeightsFile):
        return files.located(weights.path)
    if not isinstance(weights, BuiltinWeights):
        return None
    folder = resources.files("imgcls") / "builtin"
    known = sorted(f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))
    if weights.name not in known:
        raise ConfigError(
            f"[models.{spec.name}] weights: no built-in weights '{weights.name}'; known: {', '.join(known)}"
        )
    return Path(str(folder / f"{weights.name}.safetensors"))


def of(spec: ModelSpec) -> Statement:
    """What the weights file of a spec states; nothing where there is none, or where it cannot be read.

    Raises ModelError where what it states cannot be read, or is about another architecture.
    """
    try:
        file = weights_file(spec)
    except ImgclsError:  # loading the weights raises it again
        return Statement()
    if file is None:
        return Statement()
    statement = in_file(file)
    _require_same(spec, statement, file)
    return statement


def in_file(file: Path) -> Statement:
    """What a weights file states in its header, or in files next to it. Raises ModelError where that cannot be read."""
    return _of_training(file) or next_to(file)


def options(spec: ModelSpec) -> dict[str, Any]:
    """The options that a network is built with: the configured ones go before those that its weights state."""
    return {**of(spec).options, **spec.options} if is_published(spec.architecture) else dict(spec.options)


def _of_training(file: Path) -> Statement | None:
    """The header that :mod:`imgcls.training` writes; None for any other file."""
    header = lazy_tensor.metadata(file) if files.is_safetensors(file) else {}
    if not header.get("format", "").startswith("imgcls-train"):
        return None
    try:
        stated = {key: json.loads(header.get(key, "{}")) for key in ("input", "classes", "options")}
        settings = {key: _frozen(value) for key, value in stated["input"].items() if value is not None}
        labels = LabelList(str(file), tuple(stated["classes"]))
    except (ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{file}: its header cannot be read ({one_line(error)}); fetch or train it again") from error
    return Statement(
        header.get("arch"), stated["options"], labels if labels.names else None, settings,
        dict.fromkeys(settings, file.name),
    )  # fmt: skip


def next_to(file: Path) -> Statement:
    """What the files of Hugging Face's layout state about a weights file that has its usual name."""
    if file.name not in files.PUBLISHED_NAMES:
        return Statement()
    config, processor = (_json(file.with_name(name)) for name in (CONFIG, PROCESSOR))
    settings = _timm_input(config.get("pretrained_cfg") or {}) if "architecture" in config else {}
    sources = dict.fromkeys(settings, CONFIG)
    processed = _processor_input(processor)
    return Statement(
        f"timm:{config['architecture']}" if isinstance(config.get("architecture"), str) else None,
        config.get("model_args") or {},
        _labels(file.with_name(CONFIG), config),
        {**settings, **processed},
        {**sources, **dict.fromkeys(processed, PROCESSOR)},
    )


def _json(file: Path) -> Mapping[str, Any]:
    """The object in a file; empty where there is no such file, or where it is about something else.

    Raises ModelError where Git LFS did not fetch it.
    """
    if lfs.is_pointer_file(file):
        raise ModelError(lfs.refusal(file, "statement about the weights"))
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _labels(file: Path, config: Mapping[str, Any]) -> LabelList | None:
    """The classes of a ``config.json``. Names that transformers makes up, ``LABEL_0``, are none."""
    try:
        labels = class_lists.read(file) if config else None
    except LabelError:
        return None
    made_up = labels is None or all(name == f"LABEL_{index}" for index, name in enumerate(labels.names))
    if labels is None or made_up:
        return None
    known = class_lists.saved(file, labels.wnids or labels.names)
    return labels if known.source == labels.source else known


def _timm_input(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``pretrained_cfg`` states of timm's evaluation transform at its test input size."""
    data = light_imports.timm("timm.data").resolve_data_config({}, pretrained_cfg=dict(config), use_test_size=True)
    stated = {key: _frozen(data[key]) for key in ("mean", "std", "interpolation") if key in config}
    if "input_size" in config:
        _, height, width = data["input_size"]
        resize = (int(height / data["crop_pct"]), int(width / data["crop_pct"]))
        stated |= {"resize": resize, "crop": (height, width), "crop_mode": data["crop_mode"]}
    return stated


def _processor_input(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``preprocessor_config.json`` of transformers states, where our transforms have the same."""
    stated: dict[str, Any] = {}
    if config.get("do_normalize") is False:
        stated |= {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    elif "image_mean" in config and "image_std" in config:
        stated |= {"mean": _frozen(config["image_mean"]), "std": _frozen(config["image_std"])}
    if config.get("resample") in _PILLOWS:
        stated["interpolation"] = _PILLOWS[config["resample"]]
    size = _sides(config.get("size"))
    crop = _sides(config.get("crop_size")) if config.get("do_center_crop") else None
    share = config.get("crop_pct")
    if crop and size:
        return {**stated, "resize": size, "crop": crop, "crop_mode": "squash" if isinstance(size, tuple) else "center"}
    if isinstance(size, int) and share and size < _SQUASHED_FROM:
        return {**stated, "resize": int(size / share), "crop": size, "crop_mode": "center"}
    if isinstance(size, tuple) or (size and share):
        square = size if isinstance(size, tuple) else (size, size)
        return {**stated, "resize": square, "crop": square, "crop_mode": "squash"}
    return stated


_SQUASHED_FROM = 384  # transformers.ConvNextImageProcessor: from this shorter side on it neither scales up nor crops


def _sides(value: Any) -> int | tuple[int, int] | None:
    """The shorter side, or (h, w)."""
    if isinstance(value, int):
        return (value, value)
    if isinstance(value, dict) and "shortest_edge" in value:
        return int(value["shortest_edge"])
    if isinstance(value, dict) and {"height", "width"} <= value.keys():
        return (int(value["height"]), int(value["width"]))
    return None


def _require_same(spec: ModelSpec, statement: Statement, file: Path) -> None:
    """Raise ModelError where the weights are those of another published architecture than the configured one."""
    if statement.architecture is None or not is_published(spec.architecture):
        return
    stated = Architecture.parse(statement.architecture)
    name, own = (one.name.partition(".")[0] for one in (stated, spec.architecture))
    is_same = name == own or own.startswith(f"{name}_")  # timm's former names have the tag after it
    if is_same and publisher(stated) == publisher(spec.architecture):
        return
    raise ModelError(
        f"[models.{spec.name}] {file} states that it holds {statement.architecture}, and arch is {spec.arch}: "
        f'write arch = "{statement.architecture}", or name another file'
    )


def publisher(architecture: Architecture) -> str:
    """The library that published the weights and the input of an architecture."""
    return _SAME.get(architecture.source, architecture.source)


def is_published(architecture: Architecture) -> bool:
    """Whether the name of an architecture states what it is: not that of a user's own factory."""
    return architecture.source in {"timm", "torchvision", "reference"} and ":" not in architecture.name


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
