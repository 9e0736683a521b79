"""Documents on a few images, and what a report of them shows, for tests of its sections."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import run_parts
from imgcls.records.comparison import Comparison, Difference, Flip
from imgcls.records.evaluation import Verdict
from imgcls.reporting.html import document as documents
from imgcls.reporting.html import page, scored, selection
from imgcls.reporting.html.document import Document
from imgcls.reporting.html.selection import Shown
from imgcls.reporting.html.thumbnails import Images
from imgcls.reporting.html.view import View

IMAGES = {"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/3.jpg": 1, "elk/4.jpg": 1}
"""The best class of each image: two of them are taken for a dog and are none."""

FLIPS = (
    Flip("right to wrong", "cat/2.jpg", "22" * 32, "cat", (0, "cat", 0.8), (1, "dog", 0.7)),
    Flip("wrong to right", "dog/3.jpg", "33" * 32, "dog", (0, "cat", 0.6), (1, "dog", 0.7)),
)


def make_document(images: Mapping[str, int] = IMAGES, models: Sequence[str] = ("net",), **values: Any) -> Document:
    """These models with the same predictions on ``photos``; keywords are values of the report."""
    parts = [run_parts.make_part("run.json", images, model=model) for model in models]
    results = tuple(result for part in parts for result in part.report.results)
    predictions = [prediction for part in parts for prediction in part.predictions or ()]
    return documents.of_run(replace(parts[0].report, results=results, **values), predictions)


def relabelled(document: Document, accepted: Mapping[str, tuple[int, ...]], names: Mapping[str, str]) -> Document:
    """The same with other right classes for each folder, and other names of folders."""
    results = tuple(replace(result, accepted=accepted) for result in document.report.results)
    predictions = tuple(replace(p, label=names.get(str(p.label), p.label)) for p in document.predictions or ())
    return replace(document, report=replace(document.report, results=results), predictions=predictions)


def make_verdict(metric: str = "top1", status: Any = "pass", threshold: float | None = 0.5, **values: Any) -> Verdict:
    """A verdict of a gate."""
    return Verdict(metric, threshold, f"{metric} >= {threshold}", status, values.get("message", "measured"))


def make_comparison(flips: Sequence[Flip] = FLIPS, **values: Any) -> Comparison:
    """``net`` on ``photos`` against a baseline, with two flips on 50 images."""
    top1 = Difference("top1", 50, 40, 40, 1, 1, 0.0, -0.08, 0.08, 1.0, 0.155)
    usual = {"differences": (top1,), "flips": tuple(flips)}
    return Comparison("photos", "net", "net", "main.json", "run.json", **{**usual, **values})


def make_view(document: Document, **values: Any) -> View:
    """What the sections of a report see; keywords are values of it."""
    pairs = scored.of(document)
    return View(document.report, pairs, selection.select(document.report, pairs, 100), **values)


class NoImages(Images):
    """Images of which no file is there."""

    def __init__(self) -> None:
        super().__init__({}, [])

    def thumbnails(self, images: Sequence[Shown]) -> Iterator[tuple[str, bytes]]:
        """None."""
        return ((image.sha256, b"") for image in images[:0])


class GivenImages(NoImages):
    """Images that are all the same few bytes, which no browser shows."""

    def __init__(self, content: bytes = b"content") -> None:
        super().__init__()
        self.content = content

    def thumbnails(self, images: Sequence[Shown]) -> Iterator[tuple[str, bytes]]:
        """One for each hash."""
        return ((sha256, self.content) for sha256 in dict.fromkeys(image.sha256 for image in images))


def rendered(document: Document, images: Images | None = None) -> str:
    """The report."""
    return page.render(document, images or NoImages())


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._raw = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's own
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text.append(data)


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Every element with its attributes."""
    parser = _Parser()
    parser.feed(html)
    return parser.elements


def words(html: str) -> str:
    """The text that is read, in one line."""
    parser = _Parser()
    parser.feed(html)
    return re.sub(r"\s+", " ", " ".join(parser.text))


def section(html: str, name: str) -> str:
    """The text of one section."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found, f"there is no section {name}"
    return words(found[0])
