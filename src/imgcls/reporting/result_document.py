"""The results of a run as a JSON document, which is also what a saved run is."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from imgcls import documents
from imgcls.comparison.saved_run import FORMAT
from imgcls.evaluation import results
from imgcls.records.comparison import Comparison, PairwiseTest, Prediction
from imgcls.records.evaluation import DatasetOutcome, Verdict
from imgcls.records.report import Report
from imgcls.system import versions


def build(
    outcomes: Sequence[DatasetOutcome],
    verdicts: Mapping[tuple[str, str], Sequence[Verdict]],
    complete: bool,
    contrasts: Sequence[PairwiseTest] = (),
    comparisons: Sequence[Comparison] = (),
) -> Report:
    """The report of a run; ``complete``: whether nothing selected is missing from ``outcomes``."""
    return Report(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        complete=complete and all(outcome.complete for outcome in outcomes),
        environment=versions.environment(),
        passes=tuple(p for outcome in outcomes for p in outcome.passes),
        results=tuple(results.result_of(pair, outcome, verdicts) for outcome in outcomes for pair in outcome.pairs),
        rejections=tuple(rejection for outcome in outcomes for rejection in outcome.rejections),
        datasets=tuple(results.files_of(outcome) for outcome in outcomes),
        contrasts=tuple(contrasts),
        comparisons=tuple(comparisons),
    )


def write_json(stream: IO[bytes], report: Report, of_images: Iterator[Prediction] | None) -> None:
    """The result document (format 1), one prediction a line; ``None`` leaves the predictions out. Raises OSError."""
    document = documents.Sealed(stream)
    document.write(b'{"format":%d,' % FORMAT + msgspec.json.encode(report)[1:-1])
    if of_images is not None:
        document.write(b',"predictions":[')
        for number, prediction in enumerate(of_images):
            document.write((b",\n" if number else b"\n") + msgspec.json.encode(prediction))
        document.write(b"\n]")
    document.end()


def save(path: Path, report: Report, of_images: Iterator[Prediction] | None) -> None:
    """:func:`write_json` into a file that is whole or, after any failure, what it was before. Raises OSError."""
    with documents.whole(path) as stream:
        write_json(stream, report, of_images)
