"""A trained network as a configuration, so that the suites test what was just trained."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imgcls.records import ImageRef, InputSpec
from imgcls.training_data import Division

CLASSES, MANIFEST, CONFIGURATION, WEIGHTS = "classes.txt", "validation.csv", "imgcls.toml", "best.safetensors"


def files(
    folder: Path, division: Division, arch: str, options: Mapping[str, Any], spec: InputSpec, top1: float
) -> dict[str, str]:
    """The texts of the files in ``folder`` that, beside the weights, tell ``pytest`` what to test, by name.

    ``top1``: what the weights reached, in [0, 1]. Paths are relative to ``folder`` or, of ``digits``, none.
    """
    texts = {CLASSES: "".join(f"{name}\n" for name in division.classes)}
    path = division.source
    if path is None:
        path, texts[MANIFEST] = MANIFEST, _manifest(division.held_out, folder)
    elif path != "digits":
        path = _relative(Path(path), folder)
    return {**texts, CONFIGURATION: _configuration(path, arch, options, spec, division, top1)}


def _configuration(
    path: str, arch: str, options: Mapping[str, Any], spec: InputSpec, division: Division, top1: float
) -> str:
    distinct = len({ref.sha256 for ref in division.held_out})
    gate = {"top1": _floor(top1 - 1 / len(division.held_out)), "min_images": distinct}
    tables: dict[str, Mapping[str, Any]] = {
        "datasets.validation": {"path": path, "labels": "name"},
        "models.trained": {
            "arch": arch, "weights": WEIGHTS, "options": options, "labels": CLASSES, "input": asdict(spec),
        },
        # One picture less than was reached: another machine's arithmetic may decide a near tie otherwise.
        "gates.trained": {"validation": gate},
    }  # fmt: skip
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def _floor(share: float) -> float:
    return max(0.0, math.floor(share * 10_000) / 10_000)


def _toml(value: object) -> str:
    """A value as TOML; what it can be has come from TOML, or from an InputSpec."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _manifest(refs: Sequence[ImageRef], folder: Path) -> str:
    text = io.StringIO()
    rows = [(_relative(ref.file, folder), ref.label) for ref in refs]
    csv.writer(text, lineterminator="\n").writerows([("path", "label"), *rows])
    return text.getvalue()


def _relative(file: Path, folder: Path) -> str:
    """From the real folder to the real folder of the file: ``..`` does not lead back out of a linked one."""
    return Path(os.path.relpath(file.parent.resolve() / file.name, folder.resolve())).as_posix()
