"""The tables of models: :class:`ModelSpec` from their keys."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from imgcls import extensions
from imgcls.config.table import ConfigTable, Table
from imgcls.errors import ConfigError
from imgcls.extensions import SourceRow
from imgcls.records.config import (
    Architecture,
    CropMode,
    Decode,
    InputSpec,
    Interpolation,
    Layout,
    ModelSpec,
    Precision,
    PublishedWeights,
    RandomWeights,
    Returns,
    TensorMatch,
    WeightsSource,
    parse_weights,
)

T = TypeVar("T")

LABEL_LISTS = ("imagenet-1k", "imagenet-21k", "digits", "folders")
LOADING_OPTIONS = ("weights", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path")
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pth.tar", ".pt", ".bin", ".ckpt", ".tar", ".th", ".pkl", ".pickle")
"""How the names of weights files end; their content decides what they are."""

ANY_SUFFIX = re.compile(r"\.[a-z][a-z0-9]*$")
"""How the names of other files end; no tag of timm or torchvision has a dot in it."""


def model(where: str, table: Table) -> ModelSpec:
    """A model that is not in a file; ``where``: what errors call the place of its keys. Raises ConfigError."""
    return read_model(ConfigTable(Path(where), "models.train", table))


def read_model(table: ConfigTable) -> ModelSpec:
    """One ``[models.NAME]`` table. Raises ConfigError."""
    table.keys(*(f.name for f in fields(ModelSpec) if f.name not in {"name", "folder", "access"}))
    arch = table.text("arch") or ""
    source = _source(table, arch)
    if source.runtime:
        where = "its own runtime, in the types of the file" if source.is_file else "NumPy in float32"
        why = f"{source.usage.partition(':')[0]}:… runs on {where}"
        _only(table, why, runtime=("auto", source.runtime) if source.is_file else ("auto",), precision=("float32",))
    weights, labels = _weights(table), table.text("labels")
    return ModelSpec(
        name=table.name.partition(".")[2],
        arch=arch,
        weights=weights,
        sha256=_sha256(table, parse_weights(weights), has_file=weights is not None or source.publishes_weights),
        options=_options(table.subtable("options")),
        labels=labels if labels is None or labels in LABEL_LISTS else table.path("labels", labels),
        datasets=table.names("datasets"),
        runtime="auto" if source.is_file else _runtime(table),
        precision=table.choice("precision", (*get_args(Precision), "auto"), "float32"),
        decode=table.choice("decode", get_args(Decode), "exact"),
        input=read_input(table.subtable("input")),
        checkpoint=_of_file(table, weights, "checkpoint", table.text("checkpoint")),
        match=_of_file(table, weights, "match", table.choice("match", get_args(TensorMatch), "name")),
        rename=_of_file(table, weights, "rename", _rename(table.subtable("rename"))),
        output=table.text("output"),
        layout=_of_shipped(table, source, "layout", stated(table, "layout", get_args(Layout))),
        returns=_of_shipped(table, source, "returns", stated(table, "returns", get_args(Returns))),
        trust=_of_shipped(table, source, "trust", table.flag("trust")),
        folder=table.file.parent,
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
    value = table.table.get("runtime", "auto")
    return table.choice("runtime", ours if value in ours else ("auto", *extensions.selectable_runtimes()), "auto")


def _only(table: ConfigTable, why: str, **values: tuple[str, ...]) -> None:
    for key, allowed in values.items():
        if table.table.get(key, allowed[0]) not in allowed:
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


def as_configured(spec: ModelSpec) -> ModelSpec:
    """A specification that was not read from a file; words of its ``weights`` that name a file become its path.

    Raises ConfigError.
    """
    if not isinstance(spec.weights, str):
        return spec
    table = ConfigTable(spec.folder / "ModelSpec", f"models.{spec.name}", {"weights": spec.weights})
    return replace(spec, weights=_weights(table))


def _weights(table: ConfigTable) -> Path | str | None:
    """A file or folder where one of this name exists, or where the value has the form of its path; else its words."""
    value = table.text("weights")
    if value is not None and not value.strip():
        table.wrong("weights", "is empty: leave it out for the published weights, or name a file")
    try:
        kind = parse_weights(value)
    except ConfigError as error:
        table.wrong("weights", str(error))
    if value is None or value == "pretrained" or not isinstance(kind, PublishedWeights):
        return value
    has_suffix = value.lower().endswith(WEIGHT_SUFFIXES) or ANY_SUFFIX.search(value)
    has_form = "/" in value or "\\" in value or has_suffix
    path = table.path("weights", value)
    return path if has_form or os.path.exists(path) else value  # noqa: PTH110 - Path.exists raises for names too long


def _of_file(table: ConfigTable, weights: Path | str | None, key: str, value: T) -> T:
    """A key that is about the content of a weights file. Raises ConfigError where there is no such file."""
    if key in table.table and not isinstance(weights, Path):
        table.wrong(key, 'is about a weights file, and this model names none: weights = "FILE"')
    return value


def stated(table: ConfigTable, key: str, options: Sequence[str]) -> Any:
    """One of the options; None where the table has no such key. Raises ConfigError."""
    return table.choice(key, options, options[0]) if key in table.table else None


def _of_shipped(table: ConfigTable, source: SourceRow, key: str, value: T) -> T:
    """A key that is about a network in a file. Raises ConfigError for any other network."""
    if key in table.table and not source.is_file:
        table.wrong(key, 'is about a network in a file, as in arch = "onnx:FILE": leave it out')
    return value


def _rename(rename: ConfigTable) -> Mapping[str, str]:
    """Beginnings of names of tensors, and what they become."""
    for old, new in rename.table.items():
        if not isinstance(new, str):
            rename.wrong(old, f"must be the beginning of a tensor's name in the network, not {new!r}")
    return rename.table


def _sha256(table: ConfigTable, weights: WeightsSource, *, has_file: bool) -> str | None:
    value = table.text("sha256")
    if value is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        table.wrong("sha256", f"{value!r} is not 64 hexadecimal digits")
    if value and (isinstance(weights, RandomWeights) or not has_file):
        table.wrong("sha256", "pins a weights file, and this model has none")
    return value and value.lower()


def input_table(given: InputSpec | Mapping[str, Any] | None) -> dict[str, Any]:
    """Input settings as TOML has them: lists for tuples."""
    values = dict(given or {}) if not isinstance(given, InputSpec) else asdict(given)
    if isinstance(given, InputSpec):
        del values["function"]
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def input_settings(given: InputSpec | Mapping[str, Any] | None) -> Table:
    """The overrides of an InputSpec that stand in no file. Raises ConfigError."""
    return read_input(ConfigTable(Path("input"), "input", input_table(given)))


def read_input(table: ConfigTable) -> Table:
    """The overrides of an InputSpec, checked and in its types."""
    table.keys(*(f.name for f in fields(InputSpec) if f.name != "function"))
    result: dict[str, Any] = {}
    for key in table.table:
        if key in {"resize", "crop"}:
            result[key] = table.size(key)
        elif key in {"mean", "std"}:
            result[key] = table.per_channel(key)
            if key == "std" and min(result[key]) <= 0:
                table.wrong(key, f"must be above 0, not {table.table[key]}")
        else:
            options = get_args(CropMode if key == "crop_mode" else Interpolation)
            result[key] = table.choice(key, options, options[0])
    return result
