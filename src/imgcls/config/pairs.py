"""Tables of gates by model and dataset: a model's own keys, and those of ``"*"`` that it does not give itself."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imgcls.config.table import ConfigTable, Table
from imgcls.messages import nearest
from imgcls.records.config import ModelSpec

Pair = tuple[str, str]
"""A model and a dataset."""


def joined_by_pair(
    kind: str,
    tables: Mapping[str, tuple[Path, Any]],
    models: Mapping[str, ModelSpec],
    datasets: Table,
    check: Callable[[ConfigTable], object],
    who: str = "model",
) -> dict[Pair, ConfigTable]:
    """One table of all keys per pair of these models and the datasets that they are scored on.

    ``kind``: the name of the tables, as ``gates``; ``check``: raises for a table of one dataset that is wrong by
    itself; ``who``: these models, in words. Raises ConfigError, also for a table that could never have an effect.
    """
    given = {
        name: _of_model(ConfigTable(file, f"{kind}.{name}", table), name, models, datasets, check)
        for name, (file, table) in tables.items()
    }
    everywhere = given.pop("*", {})
    _check_scored(given, models)
    result: dict[Pair, ConfigTable] = {}
    for model, spec in models.items():
        own = given.get(model, {})
        for dataset in datasets if spec.datasets is None else [d for d in datasets if d in spec.datasets]:
            if gates := [gate[dataset] for gate in (everywhere, own) if dataset in gate]:
                result[model, dataset] = joined(gates)
    for dataset, gate in everywhere.items():
        if dataset not in {scored_on for _, scored_on in result}:
            gate.wrong("", f"no {who} is scored on '{dataset}', so this gate could never be shown")
    return result


def _of_model(
    table: ConfigTable,
    model: str,
    models: Mapping[str, ModelSpec],
    datasets: Table,
    check: Callable[[ConfigTable], object],
) -> dict[str, ConfigTable]:
    """The gates of a model by dataset, each checked by itself."""
    if model not in models and model != "*":
        table.wrong("", f"no model '{model}'{nearest(model, models)}")
    table.keys(*datasets)
    gates = {dataset: table.subtable(dataset) for dataset in table.table}
    for gate in gates.values():
        check(gate)
    return gates


def _check_scored(gates: Mapping[str, Mapping[str, ConfigTable]], models: Mapping[str, ModelSpec]) -> None:
    for model, by_dataset in gates.items():
        scored_on = models[model].datasets
        for dataset, gate in by_dataset.items():
            if scored_on is not None and dataset not in scored_on:
                gate.wrong("", f"[models.{model}] datasets leaves '{dataset}' out, so this gate could never be shown")


def joined(tables: Sequence[ConfigTable]) -> ConfigTable:
    """The keys of all tables, the last one's first, in the place of the last."""
    keys = {key: value for table in tables for key, value in table.table.items()}
    return ConfigTable(tables[-1].file, tables[-1].name, keys)
