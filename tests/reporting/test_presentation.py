"""imgcls.reporting.presentation: every table of the house fits the terminal, with whole words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import get_args

import pytest
from rich.cells import cell_len

from builders import (
    CONDITIONS,
    INFO,
    make_latency,
    make_memory,
    make_pair,
    make_parity,
    make_pass,
    make_report,
    make_scores,
)
from imgcls.records.comparison import Change, Comparison, Flip, PairwiseTest
from imgcls.records.evaluation import ClassProbability, Units
from imgcls.records.parity import ExportCost, StepError
from imgcls.records.performance import Memory, Operator, OperatorChange, Profile, ProfileDiff
from imgcls.records.report import DatasetFiles, Report
from imgcls.reporting import (
    differences,
    memory_table,
    notes,
    operator_table,
    overview,
    parity_table,
    presentation,
    tables,
    text_table,
)
from imgcls.reporting.presentation import Presentation
from imgcls.reporting.text_table import NamedTable

LONG = "vit_base_patch16_siglip_gap_224.webli_finetuned_on_photographs_of_animals_in_forests"
OTHER = LONG.replace("224", "384")
PATH = f"{LONG}/{'deeply/' * 8}nested_photograph_of_a_cat.jpeg"
CLASS = "cougar, puma, catamount, mountain lion, painter, panther, Felis concolor"
KERNEL = f"void at::native::elementwise_kernel<{'4, ' * 40}at::native::gpu_kernel_impl>(int, at::native::add)"


def _report() -> Report:
    pairs = [
        make_pair(
            name,
            scores=make_scores(name, units=Units(37, 20, 30)),
            overall=tuple(ClassProbability(place, CLASS, 0.01) for place in range(5)),
            facts=replace(INFO, untrained=name == OTHER),
        )
        for name in (LONG, OTHER)
    ]
    return make_report(
        *pairs,
        passes=(make_pass(LONG, OTHER),),
        datasets=(DatasetFiles(LONG, 100_002, 100_000, 1, 1, {".txt": 1}, (), {}, ()),),
        latencies=tuple(
            make_latency(of, model=m, cut_short=True) for m in (LONG, OTHER) for of in ("SingleStream", "Offline")
        ),
        memories=tuple(map(make_memory, (LONG, OTHER))),
    )


def _operators() -> NamedTable:
    on_gpu = {"cuda_total_ns": 3, "cuda_memory_bytes": 1, "self_cuda_low_ns": 0, "self_cuda_high_ns": 9}
    rows = tuple(
        Operator(f"{KERNEL}{n}", 53, 8_000_000, 8_500_000, 44_500_000, 0, 7_000_000, 9_000_000,
                 self_cuda_ns=3, self_cuda_memory_bytes=1, **on_gpu)
        for n in range(3)
    )  # fmt: skip
    profile = Profile(replace(CONDITIONS, model=LONG), (10_000_000,) * 5, rows, repeats_cuda_ns=(4,) * 5)
    return operator_table.table(profile)


def _totals() -> NamedTable:
    profiles = [Profile(replace(CONDITIONS, model=name), (10_000_000,) * 5, ()) for name in (LONG, OTHER)]
    return operator_table.comparison(profiles)


def _contrasts() -> NamedTable:
    test = PairwiseTest(LONG, LONG, OTHER, 50, 7, 3, 0.08, 0.01, 0.03, real=False, images_needed=123_456, of_images=9)
    return differences.contrasts_table([test], {OTHER})


def _flips() -> NamedTable:
    kinds = get_args(Change)
    flips = tuple(
        Flip(kind, f"{n}{PATH}", "ef" * 32, LONG, (281, CLASS, 0.75), (7, CLASS, 0.5)) for n, kind in enumerate(kinds)
    )
    return differences.flips_table(Comparison(LONG, LONG, LONG, "main.json", "this run", flips=flips))


def _parity() -> NamedTable:
    cost = ExportCost(14_000_000, 20_000_000, 24_500_000, 180_000_000)
    parities = [
        make_parity(name, agreement="within tolerance", cost=cost, reference_cost=cost) for name in (LONG, OTHER)
    ]
    return parity_table.table(parities)


def _steps() -> NamedTable:
    steps = tuple(StepError(f"{LONG}.blocks.{n}", f"{LONG}Conv2d", 0.25, 0.5) for n in range(3))
    return parity_table.steps(make_parity(steps=steps))


def _files() -> NamedTable:
    table = notes.files_table(_report())
    assert table
    return table


TABLES: Mapping[str, Callable[[], NamedTable]] = {
    "results": lambda: tables.results_table(_report()),
    "results, picked": lambda: tables.results_table(_report(), ["params", "peak rss", "top1", "dataset"]),
    "overall": lambda: tables.overall_table(_report().results),
    "best": lambda: tables.best_classes([(281, CLASS * 2, 0.9)]),
    "costs": lambda: overview.table(overview.rows(_report(), "photos")),
    "contrasts": _contrasts,
    "flips": _flips,
    "memory": lambda: memory_table.peaks(_report().memories),
    "places": lambda: memory_table.sites([_placed(memory) for memory in _report().memories]),
    "operators": _operators,
    "totals": _totals,
    "moved": lambda: operator_table.moved(_diff()),
    "parity": _parity,
    "steps": _steps,
    "files": _files,
}


def _placed(memory: Memory) -> Memory:
    """A memory that was allocated at a place with a long name."""
    peak = memory.inference
    sites = tuple(replace(site, where=f"{PATH}:12 in forward") for site in peak.sites)
    return replace(memory, inference=replace(peak, sites=sites))


def _diff() -> ProfileDiff:
    change = OperatorChange(KERNEL, 1_000_000, 4_000_000, 53, 54, real=True)
    return ProfileDiff(LONG, "cuda", ("torch 2.13.0 -> 2.14.0",), 1 / 126, (change,), replace(change, name="total"))


def _words(table: NamedTable) -> Iterator[tuple[str, str]]:
    """Every cell of a column that holds no names, with its header."""
    for header in table.headers:
        if header not in table.names:
            yield from ((header, cell) for cell in table.texts(header))


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", TABLES)
def test_every_table_fits_with_whole_words(name: str, width: int) -> None:
    """No line is longer than the terminal, no cell but a name is cut, and names that differ still differ."""
    of = TABLES[name]()
    shown, left_out = text_table.fitted(of, width)
    lines = text_table.text(of, width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sorted([*shown.headers, *left_out]) == sorted(of.headers)
    assert shown.headers[0] == of.headers[0]
    assert len(shown.headers) > 1
    assert all((header, cell) in set(_words(of)) for header, cell in _words(shown))
    assert len(lines) == 1 + 2 + len(of.texts(of.headers[0])) + len(text_table.wrapped(_left_out(left_out), width))
    for header in set(shown.headers) & set(of.names):
        assert len(set(shown.texts(header))) == len(set(of.texts(header)))


def _left_out(headers: list[str]) -> str:
    return f"columns left out: {', '.join(headers)} (a wider terminal shows them)" if headers else ""


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("120", 120), ("20", 80)])
def test_the_width_is_that_of_the_terminal(columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what COLUMNS states; a pipe has 80, and so has what is too narrow."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert presentation.terminal_width() == width


def test_the_way_to_pick_columns_is_named() -> None:
    """Only where there is one."""
    text = Presentation(40).text(TABLES["results"](), way=", --columns picks")
    assert " ".join(text.split()).endswith("(a wider terminal shows them, --columns picks)")
