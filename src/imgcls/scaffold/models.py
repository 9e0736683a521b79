"""Which models a configuration is to have: those named, a checkpoint in the folder, or one that is quick to fetch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from imgcls import messages
from imgcls.config import specs
from imgcls.config.table import ConfigTable, Table
from imgcls.data import class_lists
from imgcls.errors import ConfigError, MachineError
from imgcls.messages import one_line
from imgcls.models.sources import registry
from imgcls.models.sources import torchvision as torchvision_source
from imgcls.records.config import ModelSpec
from imgcls.records.data import LabelList
from imgcls.scaffold import checkpoints, locked, names

DEFAULT: Final = "torchvision:mobilenet_v3_large"  # docs/decisions.md#a-first-model

CHECKPOINTS: Final = (".safetensors", ".pth", ".pt", ".ckpt", ".onnx", ".pt2")
"""How files are called that are taken for a checkpoint where no model is named."""

WEIGHTS_FOLDER: Final = "weights"

SHORTEST_NAME = 3
"""Characters from which on the beginning of a file's name, up to its first dot, names a model."""


@dataclass(frozen=True, slots=True)
class ProposedModel:
    """A model for a configuration. ``architectures``: one, or what to choose from. ``weights``: a file or a tag.

    ``labels``: as in a configuration. ``classes``: what its outputs are, ``class_lists.UNSTATED`` where nothing states
    it; ``outputs``: how many, where only the tensors show it. ``published``: its published top-1, a fraction.
    ``guesses``: phrases. ``problem``: what has to be mended by hand before it can be tested. ``by_order``: the tensors
    of its file have other names, and are matched by their order.
    """

    name: str
    architectures: tuple[str, ...]
    weights: Path | str | None = None
    labels: str | None = None
    classes: LabelList = class_lists.UNSTATED
    outputs: int | None = None
    published: float | None = None
    guesses: tuple[str, ...] = ()
    problem: str | None = None
    by_order: bool = False


def proposed(words: Sequence[str] | None, working: Path) -> list[ProposedModel]:
    """The models of these words of ``--models``, or what the working folder suggests where there are none.

    Raises ConfigError for an architecture that does not exist, naming the nearest, and for several checkpoints of
    which nobody named one. Nothing is fetched for weights that a library publishes.
    """
    models: list[ProposedModel] = []
    guess: tuple[str, ...] = ()
    if words is None:
        words, reason = locked.words(working) or _without_words(working)
        guess = (reason,)
    for word in dict.fromkeys(words):
        model = _model(word, {model.name for model in models})
        models.append(replace(model, guesses=(*guess, *model.guesses)))
    return models


def _without_words(working: Path) -> tuple[list[str], str]:
    """What ``--models`` would name where there is no lock, and why."""
    files = [file for folder in ("", WEIGHTS_FOLDER) for file in _checkpoints_in(working, folder)]
    if len(files) > 1:
        raise ConfigError(f"several checkpoints lie here, {messages.named(files, 5)}: name those to test with --models")
    if files:
        return files, "the only checkpoint here, and no --models names another"
    return [DEFAULT], "small to fetch and quick on a CPU, and no --models names another"


def _checkpoints_in(working: Path, folder: str) -> list[str]:
    place = working / folder
    children = sorted(place.iterdir()) if place.is_dir() else []
    return [str(Path(folder, child.name)) for child in children if child.is_file() and _is_checkpoint(child)]


def _is_checkpoint(file: Path) -> bool:
    return not file.name.startswith(".") and file.name.lower().endswith(CHECKPOINTS)


def _model(word: str, taken: set[str]) -> ProposedModel:
    if not word:
        raise ConfigError("--models has an empty name in it: names are separated by one comma")
    if os.path.lexists(word) or word.lower().endswith((*specs.WEIGHT_SUFFIXES, *checkpoints.SHIPPED)):
        return _of_file(word, taken)
    return _of_architecture(word, taken)


# Architectures.


def _of_architecture(word: str, taken: set[str]) -> ProposedModel:
    arch = registry.architecture(word)
    name = names.free(_names(arch), taken)
    spec = _spec(name, {"arch": arch})
    if spec.architecture.source == "torchvision":
        return _of_torchvision(name, spec)
    try:
        return ProposedModel(name, (arch,), classes=registry.label_list(spec))
    except MachineError as error:
        return ProposedModel(name, (arch,), problem=f"the classes of {arch} are not known here: {one_line(error)}")


def _of_torchvision(name: str, spec: ModelSpec) -> ProposedModel:
    """With the tag of its weights, because torchvision's default becomes another one now and then."""
    entry = torchvision_source.entry(spec)
    metrics = entry.meta["_metrics"].get("ImageNet-1K", {})
    top1 = metrics["acc@1"] / 100 if "acc@1" in metrics else None
    return ProposedModel(name, (spec.arch,), entry.name, classes=registry.label_list(spec), published=top1)


def _spec(name: str, table: Table) -> ModelSpec:
    return specs.read_model(ConfigTable(Path("--models"), f"models.{name}", table))


def _names(arch: str) -> list[str]:
    """What a model of this architecture may be called, the shortest name first."""
    source, _, name = arch.partition(":")
    short = name.rpartition("/")[2].rpartition(":")[2]
    bare = short.partition(".")[0] or short
    return [names.cleaned(text, "model") for text in (bare, short, f"{source}-{name}")]


# Files.


def _of_file(word: str, taken: set[str]) -> ProposedModel:
    """A file of weights, or one that holds a whole network."""
    path = Path(word)
    if not os.path.lexists(path):
        raise ConfigError(f"--models {word}: there is no such file, and no architecture is called so")
    stem = _stem(path)
    short = stem.partition(".")[0]
    candidates = [short, stem] if len(short) >= SHORTEST_NAME else [stem]
    name = names.free([names.cleaned(text, "model") for text in candidates], taken)
    if source := checkpoints.SHIPPED.get(path.suffix.lower()):
        return _with_classes(ProposedModel(name, (f"{source}:{word}",)), None)
    known = checkpoints.identified(path)
    guesses = (known.guess,) if known.guess else ()
    model = ProposedModel(
        name, known.architectures, path, outputs=known.outputs, guesses=guesses, problem=known.problem,
        by_order=known.by_order,
    )  # fmt: skip
    return _with_classes(model, known.names) if known.architectures else model


def _stem(path: Path) -> str:
    """The name of a file without the suffix of weights."""
    suffixes = (*specs.WEIGHT_SUFFIXES, *checkpoints.SHIPPED)
    longest = max((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), key=len, default="")
    return path.name[: len(path.name) - len(longest)]


def _with_classes(model: ProposedModel, saved: Sequence[str] | None) -> ProposedModel:
    """The model with what is stated about its classes. ``saved``: what its file of weights names."""
    table = {"arch": model.architectures[0], **({"weights": str(model.weights)} if model.weights else {})}
    own = class_lists.saved(Path(str(model.weights)), saved) if saved else None
    try:
        classes = registry.label_list(_spec(model.name, table), own)
    except MachineError as error:
        return replace(model, problem=f"the classes of {table['arch']} are not known here: {one_line(error)}")
    if model.outputs not in {None, len(classes.names)}:
        classes = class_lists.UNSTATED
    return replace(model, classes=classes)
