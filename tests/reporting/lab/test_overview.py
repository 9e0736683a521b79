"""imgcls.reporting.lab.overview: the beginning of a report."""

from dataclasses import replace

import markdown_pages
from builders import make_latency, noisy_rounds
from imgcls.reporting.lab import overview
from lab_parts import make_contents


def test_it_begins_with_date_images_machine_and_versions() -> None:
    """A line each."""
    text = markdown_pages.plain("\n".join(overview.introduction(make_contents())))
    assert text.splitlines() == [
        "Date: 2026-01-02 03:04:05 UTC",
        "Images: 4 images of 4 files",
        "Machine: A fine CPU, 2 cores, 2 threads, Linux x86_64",
        "System: Linux-6",
        "Versions: imgcls 0.1.0, torch 2.14.1",
    ]


def test_random_weights_are_stated_before_any_figure() -> None:
    """In bold, with all models that have them."""
    contents = make_contents()
    results = tuple(replace(result, untrained=True) for result in contents.report.results)
    text = "\n".join(overview.introduction(replace(contents, report=replace(contents.report, results=results))))
    assert "**Untrained: good and bad.** Their weights are random, and so are the predictions." in text


def test_the_summary_has_a_row_for_each_model_and_device() -> None:
    """With the figures of the document, and who is best in what."""
    text = "\n".join(overview.summary(make_contents()))
    [[head, good, bad]] = markdown_pages.tables(text)
    assert head == [
        *("model", "device", "top-1 % (95 % interval)", "ms for one image", "images/s", "MB for a call"),
        *("million parameters", "GMACs"),
    ]
    assert good == ["good", "cpu", "100.0 (51.0 to 100.0)", "50.0", "20.0", "130.0", "25.56", "4.09"]
    assert bad[2:6] == ["50.0 (15.0 to 85.0)", "50.0", "20.0", "120.0"]
    assert "- Highest top-1: good, 100.0 %; good cannot be told apart from bad." in text
    assert "- Fastest with one image on cpu: good, 50.0 ms; good cannot be told apart from bad." in text
    assert "- Least memory for a call on cpu: bad, 120.0 MB." in text


def test_the_fastest_is_shown_to_be_so_or_not_claimed_to_be() -> None:
    """By blocks of rounds, as bench-compare judges."""
    contents = make_contents()
    latencies = tuple(
        make_latency(model=model, rounds_ns=noisy_rounds(seed, factor), p50_ns=round(10_000_000 * factor))
        for seed, (model, factor) in enumerate({"good": 2.0, "bad": 1.0}.items())
    )
    text = "\n".join(overview.summary(replace(contents, report=replace(contents.report, latencies=latencies))))
    assert "- Fastest with one image on cpu: bad, 10.0 ms; bad is shown to be faster than good." in text


def test_without_labels_there_is_no_column_and_no_sentence_of_accuracy() -> None:
    """What costs were measured is there all the same."""
    text = "\n".join(overview.summary(make_contents(labelled=False)))
    assert "top-1" not in text
    assert "Fastest" in text
