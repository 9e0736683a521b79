"""The tables of datasets and models: :class:`DatasetSpec` and :class:`ModelSpec` from their keys."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from imgcls import extensions
from imgcls.config.table import ConfigTable, Table
from imgcls.errors import ConfigError
from imgcls.extensions import SourceRow
from imgcls.records.config import (
    Architecture,
    CropMode,
    DatasetSpec,
    Decode,
    InputSpec,
    Interpolation,
    ModelSpec,
    Precision,
    RandomWeights,
    WeightsSource,
    parse_weights,
)

LABEL_LISTS = ("imagenet-1k", "imagenet-21k", "digits")
LOADING_OPTIONS = ("weights", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path")
WEIGHT_FILES = (".safetensors", ".pth", ".pt", ".bin")


def model(where: str, table: Table) -> ModelSpec:
    """A model that is not in a file; ``where``: what errors call the place of its keys. Raises ConfigError."""
    return read_model(ConfigTable(Path(where), "models.train", table))


def dataset(where: str, name: str, path: str, labels: str) -> DatasetSpec:
    """A dataset that is not in a file; ``labels``: a way of reading folders, or a map file. Raises ConfigError."""
    value = {"file": labels} if labels.endswith(".csv") else labels
    plain_name = re.sub(r"[^A-Za-z0-9_-]+", "-", name) or "data"
    return read_dataset(ConfigTable(Path(where), f"datasets.{plain_name}", {"path": path, "labels": value}))


def read_dataset(table: ConfigTable) -> DatasetSpec:
    """One ``[datasets.NAME]`` table. Raises ConfigError."""
    table.keys("path", "labels", "golden", "exif")
    path = table.text("path")
    if path is None:
        table.wrong("path", 'is missing: a folder with a folder per class, a .csv manifest, or "digits"')
    return DatasetSpec(
        name=table.name.partition(".")[2],
        path="digits" if path == "digits" else table.path("path", path),
        labels=_folder_labels(table),
        golden=table.flag("golden"),
        exif=table.choice("exif", ("ignore", "apply"), "ignore"),
    )


def _folder_labels(table: ConfigTable) -> Any:
    if not isinstance(table.table.get("labels", "auto"), dict):
        return table.choice("labels", ("auto", "wnid", "name", "index"), "auto")
    labels = table.subtable("labels")
    labels.keys("file")
    file = labels.text("file")
    if file is None:
        labels.wrong("file", "is missing: a .csv with the columns folder and wnid, name or index")
    return labels.path("file", file)


def read_model(table: ConfigTable) -> ModelSpec:
    """One ``[models.NAME]`` table. Raises ConfigError."""
    table.keys(*(f.name for f in fields(ModelSpec) if f.name != "name"))
    arch = table.text("arch") or ""
    source = _source(table, arch)
    if source.runtime:
        why = f"{source.usage.partition(':')[0]}:… runs on NumPy in float32"
        _only(table, why, runtime="auto", precision="float32")
    weights, labels = _weights(table), table.text("labels")
    return ModelSpec(
        name=table.name.partition(".")[2],
        arch=arch,
        weights=weights,
        sha256=_sha256(table, parse_weights(weights), has_file=weights is not None or source.publishes_weights),
        options=_options(table.subtable("options")),
        labels=labels if labels is None or labels in LABEL_LISTS else table.path("labels", labels),
        datasets=table.names("datasets"),
        runtime=_runtime(table),
        precision=table.choice("precision", get_args(Precision), "float32"),
        decode=table.choice("decode", get_args(Decode), "exact"),
        input=_input(table.subtable("input")),
    )


def _source(table: ConfigTable, arch: str) -> SourceRow:
    architecture = Architecture.parse(arch)
    source = extensions.source(architecture.source)
    if source is None or not architecture.name:
        table.wrong("arch", f"{table.table.get('arch')!r} is not one of {', '.join(extensions.usages())}")
    return source


def _runtime(table: ConfigTable) -> Any:
    """Names of other packages' runtimes are looked up only where ours do not have the name."""
    ours = ("auto", *(name for name, row in extensions.RUNTIMES.items() if row.selectable))
    value = table.table.get("runtime")
    return table.choice("runtime", ours if value in ours else ("auto", *extensions.selectable_runtimes()), "auto")


def _only(table: ConfigTable, why: str, **values: str) -> None:
    for key, value in values.items():
        if table.table.get(key, value) != value:
            table.wrong(key, f"{table.table[key]!r} is not available: {why}")


def _options(options: ConfigTable) -> Table:
    """Keyword arguments of the architecture; only ``weights`` determines which weights it gets."""
    for key in options.table:
        if key in LOADING_OPTIONS:
            options.wrong(key, "say which weights are loaded with `weights`, not with an option")
    try:
        json.dumps(options.table, allow_nan=False)
    except (TypeError, ValueError) as error:
        options.wrong("", f"options are strings, finite numbers, booleans, lists and tables: {error}")
    return options.table


def _weights(table: ConfigTable) -> Path | str | None:
    value = table.text("weights")
    if value is not None and value.endswith(WEIGHT_FILES):
        return table.path("weights", value)
    try:
        parse_weights(value)
    except ConfigError as error:
        table.wrong("weights", str(error))
    return value


def _sha256(table: ConfigTable, weights: WeightsSource, *, has_file: bool) -> str | None:
    value = table.text("sha256")
    if value is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        table.wrong("sha256", f"{value!r} is not 64 hexadecimal digits")
    if value and (isinstance(weights, RandomWeights) or not has_file):
        table.wrong("sha256", "pins a weights file, and this model has none")
    return value and value.lower()


def input_table(given: InputSpec | Mapping[str, Any] | None) -> dict[str, Any]:
    """Input settings as TOML has them: lists for tuples."""
    values = asdict(given) if isinstance(given, InputSpec) else dict(given or {})
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def input_settings(given: InputSpec | Mapping[str, Any] | None) -> Table:
    """The overrides of an InputSpec that stand in no file. Raises ConfigError."""
    return _input(ConfigTable(Path("input"), "input", input_table(given)))


def _input(table: ConfigTable) -> Table:
    """The overrides of an InputSpec, checked and in its types."""
    table.keys(*(f.name for f in fields(InputSpec)))
    result: dict[str, Any] = {}
    for key in table.table:
        if key in {"resize", "crop"}:
            result[key] = table.size(key)
        elif key in {"mean", "std"}:
            result[key] = table.triple(key)
            if key == "std" and min(result[key]) <= 0:
                table.wrong(key, f"must be above 0, not {table.table[key]}")
        else:
            options = get_args(CropMode if key == "crop_mode" else Interpolation)
            result[key] = table.choice(key, options, options[0])
    return result
