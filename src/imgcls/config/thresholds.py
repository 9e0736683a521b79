"""Gates and margins: what a model must reach, from the keys of their tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from imgcls.config import pairs
from imgcls.config.table import ConfigTable, Table
from imgcls.messages import nearest
from imgcls.records.config import Accuracy, ModelSpec
from imgcls.records.thresholds import Gate, LatencyGate, Margin, MemoryGate, ProvenThreshold

T = TypeVar("T")


def margins(texts: Sequence[str]) -> dict[str, Margin]:
    """Margins that are written like ``top1:0.005``, as absolute fractions. Raises ConfigError."""
    result: dict[str, Margin] = {}
    for text in texts:
        accuracy, _, number = text.partition(":")
        table = {accuracy: {"margin": _number(number)}}
        result |= read_margins(ConfigTable(Path(f"compare-fail {text}"), "compare", table))
    return result


def latency_gate(where: str, table: Table) -> LatencyGate:
    """The limits of a marker, by the keys of ``[latency.MODEL]``. ``where``: for errors. Raises ConfigError."""
    return read_latency_gate(ConfigTable(Path(where), "latency", table))


def memory_gate(where: str, table: Table) -> MemoryGate:
    """The limits of a marker, by the keys of ``[memory.MODEL]``. ``where``: for errors. Raises ConfigError."""
    return read_memory_gate(ConfigTable(Path(where), "memory", table))


def read_gates(
    tables: Mapping[str, tuple[Path, Any]], models: Mapping[str, ModelSpec], datasets: Table
) -> dict[tuple[str, str], Gate]:
    """One gate per pair: a model's own keys, and those of ``"*"`` that it does not give itself."""
    joined = pairs.joined_by_pair("gates", tables, models, datasets, _gate)
    return {pair: _merged(table) for pair, table in joined.items()}


def _merged(table: ConfigTable) -> Gate:
    """The gate of a table with all its keys. Raises ConfigError where it has no threshold."""
    gate = _gate(table)
    if gate == Gate(max_rejected=gate.max_rejected):
        table.wrong("", "a gate needs a threshold: top1, top5, macro_f1, class_top1, worst_class or min_images")
    return gate


def _gate(table: ConfigTable) -> Gate:
    table.keys(*(f.name for f in fields(Gate)))
    min_images = table.table.get("min_images")
    if min_images is not None and (not isinstance(min_images, int) or isinstance(min_images, bool) or min_images < 1):
        table.wrong("min_images", f"{min_images!r} is not a whole number above 0")
    return Gate(
        top1=table.threshold("top1"),
        top5=table.threshold("top5"),
        macro_f1=table.fraction("macro_f1"),
        min_images=min_images,
        max_rejected=table.fraction("max_rejected") or 0.0,
        class_top1=_class_top1(table),
        worst_class=_worst_class(table),
    )


def _class_top1(table: ConfigTable) -> ProvenThreshold | None:
    threshold = table.threshold("class_top1")
    if isinstance(threshold, float):
        table.wrong(
            "class_top1",
            f"must be a table, as in {{ min = {threshold:g} }}, because it is shown of every class; "
            f"what must be observed of the lowest class is worst_class = {threshold:g}",
        )
    return threshold


def _worst_class(table: ConfigTable) -> float | None:
    threshold = table.threshold("worst_class")
    if isinstance(threshold, ProvenThreshold):
        table.wrong(
            "worst_class",
            "must be a fraction, because it is observed of the lowest class; "
            f"what must be shown of every class is class_top1 = {{ min = {threshold.min:g} }}",
        )
    return threshold


def read_cost_gates(tables: Mapping[str, ConfigTable], models: Table, read: Callable[[ConfigTable], T]) -> dict[str, T]:
    """One gate per model: its own keys, and those of ``"*"`` that it does not give itself."""
    for name, table in tables.items():
        if name not in models and name != "*":
            table.wrong("", f"no model '{name}'{nearest(name, models)}")
        read(table)
    given = {name: [tables[key] for key in ("*", name) if key in tables] for name in models}
    return {name: read(pairs.joined(gates)) for name, gates in given.items() if gates}


def read_latency_gate(table: ConfigTable) -> LatencyGate:
    """One ``[latency.MODEL]`` table. Raises ConfigError."""
    table.keys(*(f.name for f in fields(LatencyGate)))
    if not table.table:
        table.wrong("", f"a gate needs a limit: {', '.join(f.name for f in fields(LatencyGate))}")
    return LatencyGate(**{key: table.positive(key) for key in table.table})


def read_memory_gate(table: ConfigTable) -> MemoryGate:
    """One ``[memory.MODEL]`` table. Raises ConfigError."""
    table.keys("host", "gpu")
    if not table.table:
        table.wrong("", "a gate needs a limit: host, gpu")
    return MemoryGate(**{f"{key}_bytes": table.bytes(key) for key in table.table})


def read_margins(table: ConfigTable) -> dict[str, Margin]:
    """The ``[compare]`` table: a margin per accuracy. Raises ConfigError."""
    table.keys(*get_args(Accuracy))
    return {accuracy: read_margin(table.subtable(accuracy)) for accuracy in table.table}


def read_margin(keys: ConfigTable) -> Margin:
    """The margin of one accuracy. Raises ConfigError."""
    keys.keys("margin", "confidence")
    margin = keys.fraction("margin")
    if margin is None:
        keys.wrong("margin", "is missing: how much worse the model may be, as a fraction")
    if margin == 1:
        keys.wrong("margin", "1 allows everything; it must be below 1")
    return Margin(margin, keys.confidence())


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
