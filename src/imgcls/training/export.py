"""A trained network as a configuration, so that the suites test what was just trained."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imgcls import toml
from imgcls.config import specs
from imgcls.records.config import BUILTIN_DIGITS, InputSpec
from imgcls.records.data import ImageRef
from imgcls.training.split import Split

CLASSES, MANIFEST, CONFIGURATION, WEIGHTS = "classes.txt", "validation.csv", "imgcls.toml", "best.safetensors"


def files(
    folder: Path, split: Split, arch: str, options: Mapping[str, Any], spec: InputSpec, top1: float
) -> dict[str, str]:
    """The texts of the files in ``folder`` that, in addition to the weights, ``pytest`` needs for its test, by name.

    ``top1``: the validation accuracy of the weights, in [0, 1]. Paths are relative to ``folder``.
    """
    texts = {CLASSES: "".join(f"{name}\n" for name in split.classes)}
    path = split.source
    if path is None:
        path, texts[MANIFEST] = MANIFEST, _manifest(split.validation, folder)
    elif path != BUILTIN_DIGITS:
        path = _relative(Path(path), folder)
    return {**texts, CONFIGURATION: _configuration(path, arch, options, spec, split, top1)}


def _configuration(path: str, arch: str, options: Mapping[str, Any], spec: InputSpec, split: Split, top1: float) -> str:
    distinct = len({ref.sha256 for ref in split.validation})
    one_image = 1 / len(split.validation)  # docs/decisions.md#gates-of-trained-networks
    tables: dict[str, Mapping[str, Any]] = {
        "datasets.validation": {"path": path, "labels": "name"},
        "models.trained": {
            "arch": arch, "weights": WEIGHTS, "options": options, "labels": CLASSES, "input": specs.input_table(spec),
        },
        "gates.trained": {"validation": {"top1": _rounded_down(top1 - one_image), "min_images": distinct}},
    }  # fmt: skip
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def _rounded_down(share: float) -> float:
    return max(0.0, math.floor(share * 10_000) / 10_000)


def _toml(value: object) -> str:
    """A value that came from TOML or from an InputSpec, as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return toml.string(value) if isinstance(value, str) else json.dumps(value)


def _manifest(refs: Sequence[ImageRef], folder: Path) -> str:
    text = io.StringIO()
    rows = [(_relative(ref.file, folder), ref.label) for ref in refs]
    csv.writer(text, lineterminator="\n").writerows([("path", "label"), *rows])
    return text.getvalue()


def _relative(file: Path, folder: Path) -> str:
    """The path between the real folders: from a linked folder, ``..`` leads to where the link points."""
    return Path(os.path.relpath(file.parent.resolve() / file.name, folder.resolve())).as_posix()
