"""From ``imgcls.toml`` to :class:`Settings`: every key is checked once, when it is read."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imgcls import lfs
from imgcls.config import datasets as dataset_tables
from imgcls.config import exports, lock, parity, specs, thresholds
from imgcls.config.table import ConfigTable, Table
from imgcls.errors import ConfigError
from imgcls.messages import nearest
from imgcls.records.config import DatasetSpec, ModelSpec, Settings
from imgcls.records.thresholds import Margin
from imgcls.records.weights import WeightsAccess, WeightsLock


def load(files: Sequence[Path]) -> Settings:
    """The configuration of these files together. Raises ConfigError, naming file and key."""
    datasets: dict[str, DatasetSpec] = {}
    models: dict[str, ModelSpec] = {}
    gates: dict[str, tuple[Path, Table]] = {}
    parity_gates: dict[str, tuple[Path, Table]] = {}
    model_files: dict[str, Path] = {}
    margins: dict[str, Margin] = {}
    costs: dict[str, dict[str, ConfigTable]] = {"latency": {}, "memory": {}}
    for file in files:
        root = ConfigTable(file, "", _read(file))
        root.keys("datasets", "models", "gates", "compare", "parity", *costs)
        new_datasets = {name: dataset_tables.read(table) for name, table in root.named("datasets")}
        _merge(datasets, new_datasets, file, "datasets")
        locked = lock.next_to(file)
        _merge(models, {name: _model(table, locked) for name, table in root.named("models")}, file, "models")
        model_files |= dict.fromkeys(models.keys() - model_files.keys(), file)
        _merge(gates, {name: (file, table) for name, table in root.tables("gates")}, file, "gates")
        _merge(parity_gates, {name: (file, table) for name, table in root.tables("parity")}, file, "parity")
        _merge(margins, thresholds.read_margins(root.subtable("compare")), file, "compare")
        for kind, tables in costs.items():
            new = {name: ConfigTable(file, f"{kind}.{name}", table) for name, table in root.tables(kind)}
            _merge(tables, new, file, kind)
    _check_datasets_of(models, datasets, model_files)
    return Settings(
        files[0],
        datasets,
        models,
        thresholds.read_gates(gates, models, datasets),
        margins,
        latency=thresholds.read_cost_gates(costs["latency"], models, thresholds.read_latency_gate),
        memory=thresholds.read_cost_gates(costs["memory"], models, thresholds.read_memory_gate),
        parity=parity.read_gates(parity_gates, models, datasets),
    )


def _model(table: ConfigTable, locked: WeightsLock | None) -> ModelSpec:
    """One ``[models.NAME]`` table with what ships of it, and the lock that its weights must be in."""
    shipped = exports.read_exports(table.subtable("exports"))
    spec = specs.read_model(table)
    access = WeightsAccess(spec.name, locked)
    return replace(spec, exports=shipped, serving=exports.read_serving(table), access=access)


def select(settings: Settings, models: Sequence[str] | None, datasets: Sequence[str] | None) -> Settings:
    """The same settings with only these models and datasets; ``None`` selects all.

    Raises ConfigError for an unknown name, and where none of these models is scored on any of these datasets.
    """
    for kind, names, known in (("model", models, settings.models), ("dataset", datasets, settings.datasets)):
        for name in names or ():
            if name not in known:
                raise ConfigError(f"no {kind} '{name}' in {settings.source}{nearest(name, known)}")
    selected_models = {n: m for n, m in settings.models.items() if models is None or n in models}
    selected_datasets = {n: d for n, d in settings.datasets.items() if datasets is None or n in datasets}
    gates = {(m, d): gate for (m, d), gate in settings.gates.items() if m in selected_models and d in selected_datasets}
    selected = replace(
        settings,
        datasets=selected_datasets,
        models=selected_models,
        gates=gates,
        parity={
            (m, d): gate for (m, d), gate in settings.parity.items() if m in selected_models and d in selected_datasets
        },
        left_out=tuple(pair for pair in settings.gates if pair not in gates),
    )
    if not selected.pairs():
        raise ConfigError(f"{settings.source}: {_why_nothing(settings)}")
    return selected


def _why_nothing(settings: Settings) -> str:
    """Why there is no model on a dataset to score."""
    for kind, known in (("model", settings.models), ("dataset", settings.datasets)):
        if not known:
            return f"it has no {kind}: write a table [{kind}s.NAME], or make one of a comment that imgcls init wrote"
    return "of what is selected, no model is scored on any dataset"


def with_access(settings: Settings, *, offline: bool, quiet: bool) -> Settings:
    """The same settings with models that never fetch weights, or show no progress when they do."""
    models = {
        name: replace(
            model,
            access=replace(model.access, offline=offline or model.access.offline, quiet=quiet or model.access.quiet),
        )
        for name, model in settings.models.items()
    }
    return replace(settings, models=models)


def with_margins(settings: Settings, texts: Sequence[str]) -> Settings:
    """The same settings with margins like ``top1:0.005``, which go before ``[compare]``. Raises ConfigError."""
    given = thresholds.margins(texts)
    margins = {name: replace(settings.margins.get(name, new), margin=new.margin) for name, new in given.items()}
    return replace(settings, margins={**settings.margins, **margins})


def _read(file: Path) -> Any:
    try:
        data = file.read_bytes()
        if lfs.is_pointer(data):
            raise ConfigError(lfs.refusal(file, "configuration"))
        document = tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigError(f"{file}: the configuration cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    if file.name != "pyproject.toml":
        return document
    tool = ConfigTable(file, "tool", document.get("tool", {}))
    if "imgcls" not in tool.table:
        raise ConfigError(f"{file}: there is no [tool.imgcls] in it")
    return ConfigTable(file, "tool.imgcls", tool.table["imgcls"]).table


def _merge(into: dict[str, Any], new: Mapping[str, Any], file: Path, kind: str) -> None:
    for name in new:
        if name in into:
            raise ConfigError(f"{file}: [{kind}.{name}] is already given by another configuration file")
    into.update(new)


def _check_datasets_of(models: Mapping[str, ModelSpec], datasets: Table, files: Mapping[str, Path]) -> None:
    for model in models.values():
        for dataset in model.datasets or ():
            if dataset not in datasets:
                raise ConfigError(
                    f"{files[model.name]}: [models.{model.name}] datasets: "
                    f"no dataset '{dataset}'{nearest(dataset, datasets)}"
                )
