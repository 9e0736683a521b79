"""From ``imgcls.toml`` to :class:`Settings`: every key is checked here, once, at the door."""

import csv
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from imgcls.errors import ConfigError
from imgcls.measures import LatencyGate, MemoryGate
from imgcls.places import Place, Table, nearest
from imgcls.records import (
    Accuracy,
    CropMode,
    DatasetSpec,
    Decode,
    Gate,
    InputSpec,
    Interpolation,
    Margin,
    ModelSpec,
    Precision,
    Settings,
)

ARCH_KINDS = ("torchvision", "timm", "python", "reference")
LABEL_LISTS = ("imagenet-1k", "imagenet-21k", "digits")
LOADING_OPTIONS = ("weights", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path")
WEIGHT_FILES = (".safetensors", ".pth", ".pt", ".bin")

T = TypeVar("T")


def load(files: Sequence[Path]) -> Settings:
    """The configuration of these files together. Raises ConfigError, naming file and key."""
    datasets: dict[str, DatasetSpec] = {}
    models: dict[str, ModelSpec] = {}
    gates: dict[str, tuple[Path, Table]] = {}
    model_files: dict[str, Path] = {}
    given: dict[str, Margin] = {}
    costs: dict[str, dict[str, Place]] = {"latency": {}, "memory": {}}
    for file in files:
        root = Place(file, "", _read(file))
        root.keys("datasets", "models", "gates", "compare", *costs)
        _merge(datasets, {name: _dataset(place) for name, place in root.named("datasets")}, file, "datasets")
        _merge(models, {name: _model(place) for name, place in root.named("models")}, file, "models")
        model_files |= dict.fromkeys(models.keys() - model_files.keys(), file)
        _merge(gates, {name: (file, table) for name, table in root.tables("gates")}, file, "gates")
        _merge(given, _margins(Place(file, "compare", root.table.get("compare", {}))), file, "compare")
        for kind, known in costs.items():
            found = {name: Place(file, f"{kind}.{name}", table) for name, table in root.tables(kind)}
            _merge(known, found, file, kind)
    _check_datasets_of(models, datasets, model_files)
    return Settings(
        files[0],
        datasets,
        models,
        _gates(gates, models, datasets),
        given,
        latency=_cost_gates(costs["latency"], models, _latency_gate),
        memory=_cost_gates(costs["memory"], models, _memory_gate),
    )


def select(settings: Settings, models: Sequence[str] | None, datasets: Sequence[str] | None) -> Settings:
    """The same settings with only these models and data sets. Raises ConfigError for an unknown name."""
    for kind, asked, known in (("model", models, settings.models), ("data set", datasets, settings.datasets)):
        for name in asked or ():
            if name not in known:
                raise ConfigError(f"no {kind} '{name}' in {settings.source}{nearest(name, known)}")
    kept_models = {n: m for n, m in settings.models.items() if models is None or n in models}
    kept_datasets = {n: d for n, d in settings.datasets.items() if datasets is None or n in datasets}
    kept_gates = {pair: g for pair, g in settings.gates.items() if pair[0] in kept_models and pair[1] in kept_datasets}
    left_out = tuple(pair for pair in settings.gates if pair not in kept_gates)
    selected = replace(
        settings,
        datasets=kept_datasets,
        models=kept_models,
        gates=kept_gates,
        left_out=left_out,
    )
    if not selected.pairs():
        raise ConfigError(f"{settings.source}: of what is selected, no model is scored on any data set")
    return selected


def with_margins(settings: Settings, asked: Sequence[str]) -> Settings:
    """The same settings with margins like ``top1:0.005``, which go before ``[compare]``. Raises ConfigError."""
    asked_for = margins(asked)
    kept = {name: replace(settings.margins.get(name, new), margin=new.margin) for name, new in asked_for.items()}
    return replace(settings, margins={**settings.margins, **kept})


def margins(asked: Sequence[str]) -> dict[str, Margin]:
    """Margins that are written like ``top1:0.005``, as absolute fractions. Raises ConfigError."""
    result: dict[str, Margin] = {}
    for text in asked:
        name, _, number = text.partition(":")
        result |= _margins(Place(Path(f"compare-fail {text}"), "compare", {name: {"margin": _number(number)}}))
    return result


def latency_gate(where: str, table: Table) -> LatencyGate:
    """The limits of a marker: the keys of ``[latency.MODEL]``. Raises ConfigError, saying ``where``."""
    return _latency_gate(Place(Path(where), "latency", table))


def memory_gate(where: str, table: Table) -> MemoryGate:
    """The limits of a marker: the keys of ``[memory.MODEL]``. Raises ConfigError, saying ``where``."""
    return _memory_gate(Place(Path(where), "memory", table))


def check_writable(document: Path) -> None:
    """Find out before the work where its result cannot go. Raises ConfigError."""
    if document.is_dir() or not document.absolute().parent.is_dir():
        raise ConfigError(f"{document} cannot be written: name a file in a folder that exists")


def model(where: str, table: Table) -> ModelSpec:
    """A model that stands in no file: ``where`` says where its keys do. Raises ConfigError."""
    return _model(Place(Path(where), "models.train", table))


def dataset(where: str, name: str, path: str, labels: str) -> DatasetSpec:
    """A data set that stands in no file; ``labels``: a way of reading folders, or a map file. Raises ConfigError."""
    how = {"file": labels} if labels.endswith(".csv") else labels
    kept = re.sub(r"[^A-Za-z0-9_-]+", "-", name) or "data"
    return _dataset(Place(Path(where), f"datasets.{kept}", {"path": path, "labels": how}))


def label_map(file: Path) -> dict[str, list[tuple[Any, str]]]:
    """A ``.csv`` that maps folders to ids: columns ``folder`` and ``wnid``, ``name`` or ``index``."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            columns = set(rows.fieldnames or ())
            kinds = columns & {"wnid", "name", "index"}
            if "folder" not in columns or len(kinds) != 1:
                seen = ", ".join(rows.fieldnames or ()) or "none"
                raise ConfigError(f"{file}: wants the columns folder and one of wnid, name, index; it has {seen}")
            kind = kinds.pop()
            result: dict[str, list[tuple[Any, str]]] = {}
            for row in rows:
                folder, value = ((row[column] or "").strip() for column in ("folder", kind))
                if None in row:
                    raise ConfigError(
                        f"{file}, line {rows.line_num}: more fields than columns; quote a name with a comma"
                    )
                if not folder or not value:
                    raise ConfigError(f"{file}, line {rows.line_num}: folder or {kind} is empty")
                result.setdefault(folder, []).append((kind, value))
            return result
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file}: the map file cannot be read: {error}") from error


def _read(file: Path) -> Any:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: the configuration cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    if file.name != "pyproject.toml":
        return document
    tool = Place(file, "tool", document.get("tool", {}))
    if "imgcls" not in tool.table:
        raise ConfigError(f"{file}: there is no [tool.imgcls] in it")
    return Place(file, "tool.imgcls", tool.table["imgcls"]).table


def _merge(into: dict[str, Any], new: Mapping[str, Any], file: Path, kind: str) -> None:
    for name in new:
        if name in into:
            raise ConfigError(f"{file}: [{kind}.{name}] is already given by another configuration file")
    into.update(new)


def _dataset(place: Place) -> DatasetSpec:
    place.keys("path", "labels", "golden", "exif")
    path = place.text("path")
    if path is None:
        place.wrong("path", 'is missing: a folder with a folder per class, a .csv manifest, or "digits"')
    return DatasetSpec(
        name=place.name.partition(".")[2],
        path="digits" if path == "digits" else place.path("path", str(path)),
        labels=_folder_labels(place),
        golden=place.flag("golden"),
        exif=place.choice("exif", ("ignore", "apply"), "ignore"),
    )


def _folder_labels(place: Place) -> Any:
    value = place.table.get("labels", "auto")
    if not isinstance(value, dict):
        return place.choice("labels", ("auto", "wnid", "name", "index"), "auto")
    table = Place(place.file, f"{place.name}.labels", value)
    table.keys("file")
    file = table.text("file")
    if file is None:
        table.wrong("file", "is missing: a .csv with the columns folder and wnid, name or index")
    return table.path("file", str(file))


def _model(place: Place) -> ModelSpec:
    place.keys(*(f.name for f in fields(ModelSpec) if f.name != "name"))
    arch = place.text("arch")
    kind, _, rest = (arch or "").partition(":")
    if kind not in ARCH_KINDS or not rest:
        place.wrong(
            "arch",
            f"{arch!r} is not one of torchvision:NAME, timm:NAME, python:package.module:factory, reference:NAME",
        )
    if kind == "reference":
        _only(place, "reference:… runs on NumPy in float32", runtime="auto", precision="float32")
    labels = place.text("labels")
    return ModelSpec(
        name=place.name.partition(".")[2],
        arch=str(arch),
        weights=_weights(place),
        sha256=_sha256(place),
        options=_options(Place(place.file, f"{place.name}.options", place.table.get("options", {}))),
        labels=labels if labels is None or labels in LABEL_LISTS else place.path("labels", labels),
        datasets=place.names("datasets"),
        runtime=place.choice("runtime", ("auto", "eager", "compile", "openvino"), "auto"),
        precision=place.choice("precision", get_args(Precision), "float32"),
        decode=place.choice("decode", get_args(Decode), "exact"),
        input=_input(Place(place.file, f"{place.name}.input", place.table.get("input", {}))),
    )


def _only(place: Place, why: str, **values: str) -> None:
    for key, value in values.items():
        if place.table.get(key, value) != value:
            place.wrong(key, f"{place.table[key]!r} is not to be had: {why}")


def _options(place: Place) -> Table:
    """Keyword arguments of the architecture; which weights it gets is said by ``weights`` alone."""
    for key in place.table:
        if key in LOADING_OPTIONS:
            place.wrong(key, "say which weights are loaded with `weights`, not with an option")
    try:
        json.dumps(place.table, allow_nan=False)
    except (TypeError, ValueError) as error:
        place.wrong("", f"options are strings, finite numbers, booleans, lists and tables: {error}")
    return place.table


def _weights(place: Place) -> Path | str | None:
    value = place.text("weights")
    if value is None or not value.endswith(WEIGHT_FILES):
        if value is not None and value.startswith("random:") and not value.removeprefix("random:").isdecimal():
            place.wrong("weights", f"{value!r}: the seed of random weights is a whole number, as in random:0")
        return value
    return place.path("weights", value)


def _sha256(place: Place) -> str | None:
    value = place.text("sha256")
    if value is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        place.wrong("sha256", f"{value!r} is not 64 hexadecimal digits")
    weights = place.table.get("weights")
    python = str(place.table.get("arch")).startswith("python:")
    if value and (str(weights).startswith("random:") or (python and weights is None)):
        place.wrong("sha256", "pins a weights file, and this model has none")
    return value and value.lower()


def _input(place: Place) -> Table:
    """The overrides of an InputSpec, checked and in its types."""
    place.keys(*(f.name for f in fields(InputSpec)))
    result: dict[str, Any] = {}
    for key in place.table:
        if key in {"resize", "crop"}:
            result[key] = place.size(key)
        elif key in {"mean", "std"}:
            result[key] = place.triple(key)
            if key == "std" and min(result[key]) <= 0:
                place.wrong(key, f"must be above 0, not {place.table[key]}")
        else:
            options = get_args(CropMode if key == "crop_mode" else Interpolation)
            result[key] = place.choice(key, options, options[0])
    return result


def _check_datasets_of(models: Mapping[str, ModelSpec], datasets: Table, files: Mapping[str, Path]) -> None:
    for model in models.values():
        for dataset in model.datasets or ():
            if dataset not in datasets:
                raise ConfigError(
                    f"{files[model.name]}: [models.{model.name}] datasets: "
                    f"no data set '{dataset}'{nearest(dataset, datasets)}"
                )


def _gates(
    tables: Mapping[str, tuple[Path, Any]], models: Mapping[str, ModelSpec], datasets: Table
) -> dict[tuple[str, str], Gate]:
    """One gate per pair: a model's own keys, and those of ``"*"`` that it does not give itself."""
    places = {}
    for model, (file, table) in tables.items():
        place = Place(file, f"gates.{model}", table)
        if model not in models and model != "*":
            place.wrong("", f"no model '{model}'{nearest(model, models)}")
        place.keys(*datasets)
        places[model] = {d: Place(file, f"gates.{model}.{d}", t) for d, t in place.table.items()}
        for gate in places[model].values():
            _gate(gate.table, gate)
    everywhere = places.pop("*", {})
    _check_gated_pairs(places, models)
    result: dict[tuple[str, str], Gate] = {}
    for model, spec in models.items():
        own = places.get(model, {})
        for dataset in datasets:
            scored = spec.datasets is None or dataset in spec.datasets
            given = [gate[dataset] for gate in (everywhere, own) if dataset in gate]
            if given and scored:
                result[model, dataset] = _gate({k: v for gate in given for k, v in gate.table.items()}, given[-1])
                if result[model, dataset] == Gate(max_rejected=result[model, dataset].max_rejected):
                    given[-1].wrong("", "a gate needs a threshold: top1, top5, macro_f1 or min_images")
    for dataset, place in everywhere.items():
        if dataset not in {scored_on for _, scored_on in result}:
            place.wrong("", f"no model is scored on '{dataset}', so this gate could never be shown")
    return result


def _check_gated_pairs(places: Mapping[str, Mapping[str, Place]], models: Mapping[str, ModelSpec]) -> None:
    for model, by_dataset in places.items():
        scored_on = models[model].datasets
        for dataset, place in by_dataset.items():
            if scored_on is not None and dataset not in scored_on:
                place.wrong("", f"[models.{model}] datasets leaves '{dataset}' out, so this gate could never be shown")


def _gate(table: Table, place: Place) -> Gate:
    gate = Place(place.file, place.name, table)
    gate.keys(*(f.name for f in fields(Gate)))
    min_images = table.get("min_images")
    if min_images is not None and (not isinstance(min_images, int) or isinstance(min_images, bool) or min_images < 1):
        gate.wrong("min_images", f"{min_images!r} is not a whole number above 0")
    return Gate(
        top1=gate.threshold("top1"),
        top5=gate.threshold("top5"),
        macro_f1=gate.fraction("macro_f1"),
        min_images=min_images,
        max_rejected=gate.fraction("max_rejected") or 0.0,
    )


def _cost_gates(tables: Mapping[str, Place], models: Table, read: Callable[[Place], T]) -> dict[str, T]:
    """One gate per model: its own keys, and those of ``"*"`` that it does not give itself."""
    for name, place in tables.items():
        if name not in models and name != "*":
            place.wrong("", f"no model '{name}'{nearest(name, models)}")
        read(place)
    given = {name: [tables[key] for key in ("*", name) if key in tables] for name in models}
    return {
        name: read(Place(of[-1].file, of[-1].name, {key: value for place in of for key, value in place.table.items()}))
        for name, of in given.items()
        if of
    }


def _latency_gate(place: Place) -> LatencyGate:
    place.keys(*(f.name for f in fields(LatencyGate)))
    if not place.table:
        place.wrong("", f"a gate needs a limit: {', '.join(f.name for f in fields(LatencyGate))}")
    return LatencyGate(**{key: place.positive(key) for key in place.table})


def _memory_gate(place: Place) -> MemoryGate:
    place.keys("host", "gpu")
    if not place.table:
        place.wrong("", "a gate needs a limit: host, gpu")
    return MemoryGate(**{f"{key}_bytes": place.bytes(key) for key in place.table})


def _margins(place: Place) -> dict[str, Margin]:
    place.keys(*get_args(Accuracy))
    result = {}
    for accuracy, value in place.table.items():
        table = Place(place.file, f"{place.name}.{accuracy}", value)
        table.keys("margin", "confidence")
        margin = table.fraction("margin")
        if margin is None:
            table.wrong("margin", "is missing: how much worse the model may be, as a fraction")
        if margin == 1:
            table.wrong("margin", "1 allows everything; it must be below 1")
        result[accuracy] = Margin(margin, table.confidence())
    return result


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
