"""How large reports are and how long a browser takes to open them: ``python bench/report_sizes.py RUN.json PHOTOS``.

RUN.json is a result document with predictions on the folder PHOTOS; larger runs repeat its images under other names.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import browser
from imgcls.records.comparison import Prediction
from imgcls.records.config import DatasetSpec
from imgcls.reporting.html import document, page
from imgcls.reporting.html.document import Document
from imgcls.reporting.html.selection import Shown
from imgcls.reporting.html.thumbnails import Images

SIZES = (1_000, 10_000, 50_000)


class Pool(Images):
    """The thumbnails of a few images, in turn, for however many are requested."""

    def __init__(self, folder: Path, run: Document) -> None:
        self.notes = []
        names = {result.dataset for result in run.report.results}
        images = Images({name: DatasetSpec(name, folder) for name in names}, names)
        of_run = {(p.dataset, p.path): p for p in run.predictions or ()}.values()
        shown = [Shown(0, p.dataset, p.path, p.image_sha256, p.label, "sample", ()) for p in of_run]
        self.pool = [content for _, content in images.thumbnails(shown)]

    def thumbnails(self, images: Sequence[Shown]) -> Iterator[tuple[str, bytes]]:
        for number, image in enumerate(images):
            yield image.sha256, self.pool[number % len(self.pool)]


def repeated(run: Document, images: int, models: int) -> Document:
    """The run on this many images, by its first models."""
    names = list(dict.fromkeys(result.model for result in run.report.results))[:models]
    of_models = [p for p in run.predictions or () if p.model in names]
    distinct = len({(p.dataset, p.path) for p in of_models})
    predictions = [_copy(p, turn) for turn in range(-(-images // distinct)) for p in of_models]
    results = tuple(replace(r, scored=images) for r in run.report.results if r.model in names)
    return document.of_run(replace(run.report, results=results), predictions[: images * len(names)])


def _copy(prediction: Prediction, turn: int) -> Prediction:
    folder, _, name = prediction.path.partition("/")
    digest = hashlib.sha256(f"{prediction.image_sha256}{turn}".encode()).hexdigest()
    top = tuple(best._replace(probability=best.probability * (1 - turn / 7919)) for best in prediction.top)
    return replace(prediction, path=f"{folder}/{turn:03}-{name}", image_sha256=digest, top=top)


def main(file: Path, folder: Path) -> None:
    run = document.read(file)
    pool = Pool(folder, run)
    with (
        tempfile.TemporaryDirectory() as temporary,
        browser.started("chromium", Path(temporary) / "profile") as chromium,
    ):
        for models in (1, 3):
            for images in SIZES:
                begin = time.perf_counter()
                html = page.render(repeated(run, images, models), pool)
                seconds = time.perf_counter() - begin
                report = Path(temporary) / "report.html"
                report.write_text(html)
                opened = min(_opened(chromium, report) for _ in range(5))
                thumbnails = html.count("<image id=")
                print(
                    f"{models} models, {images} images: {len(html.encode()) / 1e6:.2f} MB, {thumbnails} thumbnails, "
                    f"{html.count('<li id=')} rows, written in {seconds:.1f} s, opened in {opened:.2f} s"
                )


def _opened(chromium: browser.Browser, report: Path) -> float:
    """Seconds from the request of a page to the end of its loading, its script included."""
    opened = chromium.page()
    opened.open(report.as_uri())
    milliseconds: float = opened.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    opened.close()
    return milliseconds / 1e3


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
