"""imgcls.reporting.lab.document: the whole Markdown."""

import re
from dataclasses import replace

import markdown_pages
from builders import HOSTILE
from imgcls.records.data import Rejection
from imgcls.records.evaluation import ClassProbability
from imgcls.reporting.lab import document
from lab_parts import make_contents, make_run

NAME = f"<img src=x onerror=alert(1)> | **b** [l](javascript:alert(1)) `c` &lt; {HOSTILE}"


def _titles(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_every_section_once_and_in_order() -> None:
    """From the summary to the single images; the tables are ones that every reader reads alike."""
    text = document.markdown(make_contents(runs=[make_run()]))
    assert _titles(text) == [
        *("Summary", "Models", "Accuracy", "Time", "Memory", "Operators", "Training", "Image by image", "Files"),
    ]
    assert text.startswith("# Image classifiers on photos\n\n- Date: 2026-01-02 03:04:05 UTC\n")
    assert len(markdown_pages.tables(text)) == 16
    assert not markdown_pages.has_html(text)
    assert "\n\n\n" not in text


def test_sections_without_content_are_left_out() -> None:
    """No labels, nothing measured, no training."""
    contents = make_contents(labelled=False)
    report = replace(contents.report, latencies=(), memories=(), profiles=())
    titles = _titles(document.markdown(replace(contents, report=report)))
    assert titles == ["Summary", "Models", "Image by image", "Files"]


def test_hostile_names_are_inert() -> None:
    """Of models, classes, images, trainings and notes: no HTML, no link of theirs, no row with another cell."""
    contents = make_contents(runs=[make_run(NAME)], notes=[NAME], title=NAME)
    results = tuple(
        replace(
            result, model=NAME, overall_top5=(ClassProbability(0, NAME, 0.5),), classes={NAME: result.classes["cat"]}
        )
        for result in contents.report.results[:1]
    )
    rejections = (Rejection("photos", NAME, "corrupt", NAME),)
    predictions = [
        replace(p, model=NAME, path=f"{NAME}{n}", top=(ClassProbability(0, NAME, 0.5),))
        for n, p in enumerate(contents.predictions[:4])
    ]
    text = document.markdown(
        replace(
            contents,
            report=replace(contents.report, results=results, rejections=rejections),
            predictions=predictions,
            specs={NAME: contents.specs["good"]},
            thumbnails={predictions[0].image_sha256: "images/a b.jpg"},
        )
    )
    assert markdown_pages.tables(text)
    assert not markdown_pages.has_html(text)
    assert all(line.isprintable() for line in text.splitlines())
    charts = {"charts/accuracy.png", "charts/latency.png", "charts/memory.png", "charts/training.png"}
    assert set(markdown_pages.targets(text)) == {*charts, "images/a%20b.jpg", "result.json"}


def test_the_same_contents_give_the_same_text() -> None:
    """Nothing in it is drawn by chance or by the clock."""
    assert document.markdown(make_contents()) == document.markdown(make_contents())
