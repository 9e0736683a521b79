"""The text of a first ``imgcls.toml``, with a comment on everything that somebody will want to change."""

from __future__ import annotations

import math
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from imgcls import toml
from imgcls.messages import counted, spelled
from imgcls.scaffold import gates, names
from imgcls.scaffold.images import TestImages
from imgcls.scaffold.mapping import FolderLabels
from imgcls.scaffold.models import ProposedModel

WIDTH = 100
"""Characters of a line of comments."""

HEAD = """\
# Written by `imgcls init`, for you to change; the documentation of the configuration has every key.
"""

WITHOUT_NETWORK = '# Without network: weights = "FILE", or "random:0", which runs everything and predicts nothing.'

COSTS = """\
# Time and memory depend on the machine, so measure first, then set limits:
#
#   pytest -m "latency or memory"
#
# [latency."*"]
# p95_ms = 100          # one image at a time
# [memory."*"]
# host = "1 GB"
"""


def text(images: TestImages, models: Sequence[ProposedModel], labels: Sequence[FolderLabels]) -> str:
    """The configuration of these models on these images, each folder read as ``labels`` has it.

    A model of which something is unknown stands there as a comment, with what to write. Raises ConfigError for a
    name that no configuration can hold.
    """
    datasets = _named(images, labels)
    parts = [HEAD, *(_dataset(name, images, way) for name, way in datasets.items())]
    for model in models:
        of_model = [name for name, way in datasets.items() if model.name in way.models]
        part = _model(model, of_model if len(datasets) > 1 else [])
        parts.append(_commented(part) if model.problem else part)
    parts.append("".join(_gates(images, models, datasets)))
    parts += [_margin(images), COSTS]
    return "\n".join(filter(None, parts))


def _named(images: TestImages, labels: Sequence[FolderLabels]) -> dict[str, FolderLabels]:
    """The datasets by name: the same images once for each way in which folders have to be read."""
    by_name: dict[str, FolderLabels] = {}
    for way in labels:
        by_name[names.free([images.name, f"{images.name}-by-{way.way}"], by_name)] = way
    return by_name


def _dataset(name: str, images: TestImages, way: FolderLabels) -> str:
    lines = [f"# {_counts(images)}", f"[datasets.{name}]", f"path = {toml.string(path_value(images.path))}"]
    if images.manifest is not None:
        lines[2:2] = ["# A line for each image, with its class; add a line for a new image."]
    if way.file:
        lines += [
            f"# Which classes are right for each folder, to review: {way.file}",
            f"labels = {{ file = {toml.string(way.file)} }}",
        ]
    elif way.way == "index":
        lines += ["# Guessed: folders are numbers of classes, counted from 0.", 'labels = "index"']
    if images.drops_duplicates:
        lines += ["# Images of which the same bytes lie under two labels are left out.", 'duplicates = "drop"']
    return "".join(f"{line}\n" for line in lines)


def _counts(images: TestImages) -> str:
    copies = len(images.listing.images) - images.distinct
    also = f", {counted(copies, 'copy')} among them" if copies else ""
    return f"{counted(len(images.folders), 'class')}, {counted(len(images.listing.images), 'image')}{also}"


def path_value(path: Path) -> str:
    """A path as a configuration names it: one that begins with ``~`` is not a home."""
    text = path.as_posix()
    return f"./{text}" if text.startswith("~") or (":" in text and not os.path.isabs(text)) else text  # noqa: PTH117


def _model(model: ProposedModel, datasets: Sequence[str]) -> str:
    remarks = [*model.guesses, *([model.problem] if model.problem else [])]
    lines = [_comment(remark).rstrip("\n") for remark in remarks]
    architectures = model.architectures or ("SOURCE:NAME",)
    lines += [f"[models.{model.name}]", *(f"arch = {toml.string(arch)}" for arch in architectures)]
    if model.weights:
        weights = path_value(model.weights) if isinstance(model.weights, Path) else model.weights
        lines.append(f"weights = {toml.string(weights)}")
    if model.by_order:
        lines.append('match = "order"')
    if model.published:
        lines.append(WITHOUT_NETWORK)
    if model.labels:
        lines.append(f"labels = {toml.string(model.labels)}")
    if datasets:
        lines.append(f"datasets = [{', '.join(map(toml.string, datasets))}]")
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> str:
    """A sentence as lines of a comment."""
    lines = textwrap.wrap(spelled(text), WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _commented(part: str) -> str:
    return re.sub(r"^(?=[^#\n])", "# ", part, flags=re.MULTILINE)


def _gates(images: TestImages, models: Sequence[ProposedModel], datasets: Mapping[str, FolderLabels]) -> Iterator[str]:
    """The gate of each model, as a comment where the model is one."""
    if not images.units:
        return
    most = math.floor(100 * gates.most_shown(images.units)) / 100
    yield f"# {counted(images.units, 'image')}: even if all are right, they show a top-1 of {most:.2f}, no more "
    yield "(95 % confidence).\n"
    for model in models:
        [(name, way)] = [(name, way) for name, way in datasets.items() if model.name in way.models]
        gate = _gate(images, model, name, way)
        yield _commented(gate) if model.problem else gate


def _gate(images: TestImages, model: ProposedModel, dataset: str, way: FolderLabels) -> str:
    classes = len(model.classes.names) or model.outputs or len(images.folders)
    gate = gates.proposed(images.units, way.right / classes, model.published)
    reason = _comment(f"{gate.reason}.") if gate else ""
    return f"{reason}[gates.{model.name}]\n{dataset} = {_thresholds(gate, images.distinct)}\n"


def _thresholds(gate: gates.FirstGate | None, distinct: int) -> str:
    top1 = f"top1 = {{ min = {gate.top1:g}, confidence = {gates.CONFIDENCE} }}, " if gate else ""
    return f"{{ {top1}min_images = {distinct} }}"


def _margin(images: TestImages) -> str:
    """What may be lost against a baseline, as a comment: without a baseline the gate could not be evaluated."""
    if not images.units:
        return ""
    smallest = 1 - gates.most_shown(images.units)
    margin = min(99, math.ceil(100 * smallest)) / 100
    units = counted(images.units, "image")
    return (
        f"# Against a saved run (--imgcls-baseline main.json), {units} without any loss show a margin of {margin:g}:\n"
        f"#\n# [compare]\n# top1 = {{ margin = {margin:g}, confidence = {gates.CONFIDENCE} }}\n"
    )


def title(images: TestImages) -> str:
    """The images as a sentence names them."""
    return spelled(path_value(images.folder)) if images.folder.parts else "this folder"
