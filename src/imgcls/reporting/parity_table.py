"""Exports next to the network that they were made from: one table, and for each export why it differs."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from imgcls import messages
from imgcls.gates import regression
from imgcls.records.comparison import Difference
from imgcls.records.parity import ExportCost, Fault, Parity
from imgcls.reporting import tables, text_table
from imgcls.reporting.text_table import NamedTable

STEPS_SHOWN = 5  # docs/decisions.md#names-in-a-message
"""Steps of a network that are shown; all are in the JSON document."""

COLUMNS = ("images", "flips", "top-1 %", "logits", "p95 ms", "peak MB", "file MB", "agreement")

IMPORTANCE = ("export", "flips", "agreement", "top-1 %", "p95 ms", "file MB", "images", "peak MB", "logits")


def by_table(parities: Sequence[Parity]) -> list[list[Parity]]:
    """The exports of each model on each dataset, together."""
    ordered = sorted(parities, key=lambda parity: (parity.dataset, parity.model))
    return [list(group) for _, group in groupby(ordered, key=lambda parity: (parity.dataset, parity.model))]


def title(parities: Sequence[Parity]) -> str:
    """What stands above a table."""
    return f"parity of {parities[0].model} on {parities[0].dataset} with its reference (eager, float32)"


def table(parities: Sequence[Parity]) -> NamedTable:
    """The reference and every export of one model on one dataset; columns without any figure are left out."""
    rows = [_reference(parities), *map(_export, parities)]
    columns = [name for name in COLUMNS if any(row.get(name) for row in rows)]
    result = text_table.table("export", *columns, importance=IMPORTANCE)
    for row in rows:
        result.add_row(row["title"], *(row.get(name) or "-" for name in columns))
    if "agreement" in columns:
        result.columns[-1].justify = "left"
    return result


def _reference(parities: Sequence[Parity]) -> dict[str, str | None]:
    cost = next((parity.reference_cost for parity in parities if parity.reference_cost), None)
    of_both = next((difference for parity in parities if (difference := top1(parity))), None)
    accuracy = None if of_both is None else tables.two_sided(100 * of_both.before_count / of_both.images)
    return {"title": "reference", "top-1 %": accuracy, **_costs(cost)}


def _export(parity: Parity) -> dict[str, str | None]:
    of_both = top1(parity)
    return {
        "title": f"{parity.export} ({parity.format})",
        "images": str(parity.images) if parity.images else None,
        "flips": str(parity.flips) if parity.images else None,
        "top-1 %": None if of_both is None else tables.two_sided(100 * of_both.after_count / of_both.images),
        "logits": None if parity.logits is None else f"{parity.logits.largest:.2g}",
        "agreement": "failed" if parity.failure else parity.agreement,
        **_costs(parity.cost),
    }


def top1(parity: Parity) -> Difference | None:
    """How the accuracies of export and reference differ; None where no image has a label."""
    differences = parity.comparison.differences if parity.comparison else ()
    return next((difference for difference in differences if difference.accuracy == "top1"), None)


def _costs(cost: ExportCost | None) -> dict[str, str | None]:
    if cost is None:
        return {}
    return {
        "p95 ms": None if cost.p95_ns is None else f"{cost.p95_ns / 1e6:.1f}",
        "peak MB": None if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:.0f}",
        "file MB": None if cost.file_bytes is None else f"{cost.file_bytes / 1e6:.1f}",
    }


def name(parity: Parity) -> str:
    """What an export is called in lines."""
    return f"{parity.model}/{parity.export} on {parity.dataset}"


def lines(parity: Parity) -> Iterator[str]:
    """Why an export differs, and how certain a loss is."""
    of_export = name(parity)
    if parity.failure:
        yield f"ERROR {of_export}: {parity.failure.message}"
    for fault in parity.faults:
        yield f"{of_export}: {fault_text(fault)}"
    if parity.agreement == "different":
        differences = parity.comparison.differences if parity.comparison else ()
        changed = (d for d in differences if d.accuracy == "top1" or d.losses or d.gains)
        yield from (f"{of_export}: {regression.describe(difference)}" for difference in changed)


def notes(parities: Sequence[Parity]) -> Iterator[str]:
    """What was detected in the files of one table, converted or left out: one line for all exports that share it."""
    exports: dict[str, list[str]] = {}
    for parity in parities:
        for note in parity.notes:
            exports.setdefault(note, []).append(parity.export)
    for note, names in exports.items():
        of = parities[0]
        yield f"{of.model}/{', '.join(dict.fromkeys(names))} on {of.dataset}: {note}"


def fault_text(fault: Fault) -> str:
    """The stage, the fault, and how much of the difference it is."""
    parts = [] if fault.explained is None else [f"explains {per_cent(fault.explained)} of the difference"]
    if fault.top1_lost:
        more = messages.counted(fault.top1_lost, "more image")
        parts.append(f"{more} {'is' if fault.top1_lost == 1 else 'are'} wrong because of it")
    measured = f" ({'; '.join(parts)})" if parts else ""
    return f"{fault.stage}: {fault.name}: {fault.what}{measured}"


def per_cent(share: float) -> str:
    """A share in whole per cent; 100 % and 0 % only where they are exact."""
    if 0 < share < 1:
        return f"{min(max(round(100 * share), 1), 99)} %"
    return f"{100 * share:.0f} %"


def steps(parity: Parity) -> NamedTable:
    """The steps of a network that add most to the distance of an export."""
    result = text_table.table(
        "step", "operation", "distance", "of the final", left=2, names=("step", "operation"),
        importance=("step", "of the final", "distance", "operation"),
    )  # fmt: skip
    for step in parity.steps[:STEPS_SHOWN]:
        result.add_row(step.name, step.operation, f"{step.error:.2g}", per_cent(step.share))
    return result


def steps_title(parity: Parity) -> str:
    """What stands above the table of steps."""
    return f"steps of {name(parity)}"
