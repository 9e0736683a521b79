"""The tables ``[parity.MODEL]``: how far exports may be from the network that they were made from."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from imgcls.config import pairs, thresholds
from imgcls.config.table import ConfigTable, Table
from imgcls.records.config import ModelSpec
from imgcls.records.thresholds import Margin, ParityGate

THRESHOLDS = tuple(field.name for field in fields(ParityGate) if field.name != "confidence")


def read_gates(
    tables: Mapping[str, tuple[Path, Any]], models: Mapping[str, ModelSpec], datasets: Table
) -> dict[tuple[str, str], ParityGate]:
    """One gate per pair of a model with exports: its own keys, and those of ``"*"`` that it does not give itself.

    Raises ConfigError.
    """
    for name, (file, table) in tables.items():
        if name in models and not models[name].exports:
            way = f'[models.{name}.exports] names them, as in onnx = "{name}.onnx"'
            ConfigTable(file, f"parity.{name}", table).wrong("", f"the model has no exports to compare: {way}")
    exported = {name: model for name, model in models.items() if model.exports}
    joined = pairs.joined_by_pair("parity", tables, exported, datasets, _gate, who="model with exports")
    return {pair: _whole(table) for pair, table in joined.items()}


def _whole(table: ConfigTable) -> ParityGate:
    """A gate with all its keys. Raises ConfigError where they are not enough."""
    gate = _gate(table)
    if not any(name in table.table for name in THRESHOLDS):
        table.wrong("", f"a gate needs a threshold: {', '.join(THRESHOLDS[:-1])} or {THRESHOLDS[-1]}")
    if gate.confidence is not None and gate.flips is None:
        table.wrong("confidence", "is about flips, and this gate has none: add flips = 0.002")
    if gate.confidence is not None and gate.flips == 0:
        table.wrong("flips", "0 can be shown by no number of images; without confidence, none must be observed")
    return gate


def _gate(table: ConfigTable) -> ParityGate:
    table.keys(*(field.name for field in fields(ParityGate)))
    flips = table.fraction("flips")
    if flips == 1:
        table.wrong("flips", "1 allows everything; it must be below 1")
    return ParityGate(
        flips=flips,
        confidence=table.confidence() if "confidence" in table.table else None,
        top1=_margin(table, "top1"),
        top5=_margin(table, "top5"),
        logits=table.positive("logits") if "logits" in table.table else None,
    )


def _margin(table: ConfigTable, accuracy: str) -> Margin | None:
    if accuracy not in table.table:
        return None
    if not isinstance(table.table[accuracy], dict):
        table.wrong(accuracy, f"must be a table, as in {{ margin = 0.005 }}, not {table.table[accuracy]!r}")
    return thresholds.read_margin(table.subtable(accuracy))
