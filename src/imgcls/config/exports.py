"""The tables of what ships: ``[models.NAME.exports]`` and ``[models.NAME.serving]``, from their keys."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from imgcls.config import recipe, specs
from imgcls.config.table import NAME, ConfigTable
from imgcls.records.config import ExportFormat, ExportSpec, Layout, Returns, ServingSpec

MADE = "made"
"""The entry whose own entries are made by imgcls; their names begin with it."""

FORMATS: Mapping[str, ExportFormat] = {
    ".onnx": "onnx",
    ".xml": "openvino",
    ".pt2": "exported",
    ".torchscript": "torchscript",
    ".pt": "torchscript",
    ".ts": "torchscript",
    ".tflite": "tflite",
}
"""What files are by their suffix, where ``format`` does not state it."""

FUNCTION = re.compile(r"python:[\w.]+:[\w.]+")


def read_exports(table: ConfigTable) -> dict[str, ExportSpec]:
    """The exports of a model by their names; of those that imgcls makes, the names are ``made.NAME``.

    Raises ConfigError.
    """
    _check_names(table)
    result: dict[str, ExportSpec] = {}
    for name, value in table.table.items():
        if name == MADE:
            result |= _made(table.subtable(MADE))
        else:
            result[name] = _of_file(table, name, {"path": value} if isinstance(value, str) else value)
    return result


def _check_names(table: ConfigTable) -> None:
    for name in table.table:
        if not NAME.fullmatch(name):
            table.wrong(name, "names are made of letters, digits, _ and -")


def _made(table: ConfigTable) -> dict[str, ExportSpec]:
    """What imgcls is to make, each entry with the keys of a recipe."""
    _check_names(table)
    entries = {f"{MADE}.{name}": table.subtable(name) for name in table.table}
    return {name: replace(recipe.read(entry), name=name) for name, entry in entries.items()}


def _of_file(table: ConfigTable, name: str, value: object) -> ExportSpec:
    """An export that somebody made: the path of its file, or a table of it and how it is fed and read."""
    if not isinstance(value, dict):
        table.wrong(name, f'must be the path of a file, or a table as in {{ path = "{name}.onnx" }}, not {value!r}')
    entry = ConfigTable(table.file, f"{table.name}.{name}", value)
    entry.keys("path", "format", "input", "layout", "returns", "trust", "output")
    path = entry.text("path")
    if not path:
        entry.wrong("path", f"is missing: the file that ships; what imgcls is to make is {MADE} = {{ {name} = {{ }} }}")
    return ExportSpec(
        name=name,
        format=_format(entry, Path(path)),
        path=entry.path("path", path),
        input=specs.read_input(entry.subtable("input")),
        layout=specs.stated(entry, "layout", get_args(Layout)),
        returns=specs.stated(entry, "returns", get_args(Returns)),
        trust=entry.flag("trust"),
        output=entry.text("output"),
    )


def _format(entry: ConfigTable, path: Path) -> ExportFormat:
    by_suffix = FORMATS.get(path.suffix.lower())
    if by_suffix is None and "format" not in entry.table:
        formats = ", ".join(get_args(ExportFormat))
        entry.wrong(
            "path", f"{path.name!r} has none of the suffixes {', '.join(FORMATS)}: add format, one of {formats}"
        )
    file_format: ExportFormat = entry.choice("format", get_args(ExportFormat), str(by_suffix))
    return file_format


def read_serving(table: ConfigTable) -> ServingSpec | None:
    """The key ``serving`` of a model; None where there is none. Raises ConfigError."""
    if "serving" not in table.table:
        return None
    serving = table.subtable("serving")
    serving.keys("preprocess", "url")
    preprocess, url = serving.text("preprocess"), serving.text("url")
    if (preprocess is None) == (url is None):
        both = "has both" if url else "has neither"
        serving.wrong("", f"{both}: name preprocess, a function, or url, a running service")
    if preprocess is not None and not FUNCTION.fullmatch(preprocess):
        serving.wrong("preprocess", f"{preprocess!r} is not of the form python:package.module:function")
    if url is not None and not url.startswith(("http://", "https://")):
        serving.wrong("url", f"{url!r} is not an address like http://127.0.0.1:8080/predict")
    return ServingSpec(preprocess, url)
