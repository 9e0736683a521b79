"""imgcls.reporting.notes: what a reader must know of a run besides its figures."""

import re
from dataclasses import replace
from typing import Any

from builders import INFO, make_outcome, make_pair, make_report, make_scores
from imgcls.records.data import Rejection
from imgcls.records.report import Report
from imgcls.reporting import notes, overview, result_document, terminal, text_table
from imgcls.reporting.presentation import Presentation

ALL = Presentation(80, verbosity=1)


def _report(scored: int = 1000, **values: Any) -> Report:
    """Of one model on 1000 listed files."""
    outcome = make_outcome(
        make_pair(
            scores=make_scores(
                scored=scored, ignored=values.pop("ignored", 0), rejected=len(values.get("rejections", ()))
            )
        ),
        **values,
    )
    return result_document.build([outcome], {}, complete=True)


def _text(report: Report, how: Presentation = ALL) -> str:
    return "".join(f"{line}\n" for line in notes.text(report, how))


def _run(report: Report) -> str:
    """All that is printed of a run."""
    return "".join(f"{block}\n" for block in terminal.lines(report, ALL))


def _of_model(**info: Any) -> str:
    return _text(make_report(make_pair(facts=replace(INFO, **info))))


def test_every_listed_file_is_accounted_for() -> None:
    """Files without a score have a table at 80 columns, with the ignored ones by suffix, the most frequent first."""
    rejections = (Rejection("photos", "cat/1.heic", "unsupported", "pip install"),)
    report = _report(990, ignored=9, ignored_suffixes={".txt": 2, ".db": 6, "": 1}, rejections=rejections)
    lines = _run(report).splitlines()
    row = next(line for line in lines if line.split()[:2] == ["photos", "1000"])
    assert row.split() == ["photos", "1000", "990", "1", "0", "9"]
    assert "photos: 9 files ignored: 6 .db, 2 .txt, 1 without suffix" in lines


def test_a_dataset_that_was_scored_whole_has_no_table_of_files() -> None:
    """There is nothing to account for."""
    assert notes.files_table(_report()) is None


def test_a_class_without_images_is_named() -> None:
    """It would vanish from every other table."""
    assert _text(_report(empty_classes=("cat", "dog"))).startswith(
        "photos: no image was scored of the class folders cat, dog\n"
    )


def test_remarks_of_the_decoder_are_counted() -> None:
    """One line per remark, with its number of images; notes on the dataset follow."""
    text = _text(_report(remarks={"carry a mark": 5, "is odd": 1}, notes=("the column Path was taken",)))
    assert text.splitlines()[:3] == [
        "photos: 5 images: carry a mark", "photos: 1 image: is odd", "photos: the column Path was taken",
    ]  # fmt: skip


def test_the_input_has_a_line_with_the_source_of_each_part() -> None:
    """Parts of one source stand together; a line continues with an indentation."""
    sources = {"resize": "configuration", "crop": "configuration", "mean": "timm", "std": "guessed: the default"}
    text = _of_model(input_sources=sources)
    assert " ".join(text.split()) == (
        "net: input resize(256, bilinear) | center_crop(224) | normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)); "
        "resize, crop from configuration; mean from timm; std guessed: the default"
    )
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.splitlines()[1].startswith("  ")


def test_only_a_guessed_input_is_printed_by_default() -> None:
    """What was published or configured is documentation; what was guessed may be wrong."""
    for source, printed in (("timm", False), ("guessed: the default", True)):
        report = make_report(make_pair(facts=replace(INFO, input_sources={"resize": source, "crop": "timm"})))
        assert ("net: input resize(" in _text(report, Presentation())) is printed
        assert "net: input resize(" in _text(report)


def test_an_input_of_one_source_names_it_once() -> None:
    """So it is with every published network."""
    assert " ".join(_of_model(input_sources={"resize": "timm", "crop": "timm"}).split()).endswith("; from timm")


def test_a_note_on_a_model_stands_once_whatever_the_number_of_datasets() -> None:
    """What was taken from a checkpoint does not depend on the dataset."""
    facts = replace(INFO, notes=("took the averaged weights (ema)",))
    pairs = [make_pair(facts=facts, scores=replace(make_scores(), dataset=name)) for name in ("photos", "others")]
    assert _text(make_report(*pairs)).count("net: took the averaged weights (ema)\n") == 1


def test_a_model_that_was_not_loaded_has_no_line() -> None:
    """Its failure is reported elsewhere."""
    assert _text(make_report(make_pair(facts=None))) == ""


def test_random_weights_are_marked_in_every_table() -> None:
    """Such figures say nothing about a trained network."""
    report = make_report(make_pair(facts=replace(INFO, untrained=True)))
    assert report.results[0].untrained
    assert "net: untrained: its weights are random, and so are its predictions\n" in _run(report)
    assert re.search(r"^ net \(untrained\) +photos", _run(report), re.MULTILINE)
    assert "net (untrained)" in "\n".join(overview.terminal(report, ALL))
    assert "net (untrained)" in overview.markdown(report)
    assert text_table.model_name("net", untrained=False) == "net"


def test_an_accuracy_that_no_network_can_miss_is_not_shown() -> None:
    """Of five classes, the five best hold the right one: top-5 has a dash in both tables, and a line says why."""
    report = make_report(make_pair(scores=make_scores(class_count=5)))
    assert "83.3" not in _run(report) + "\n".join(overview.terminal(report, ALL)) + overview.markdown(report)
    text = _text(report, Presentation(200))
    assert "net: top-5 is not shown: among 5 classes, every network has the right one among its five best\n" in text
    assert "83.3" in _run(make_report(make_pair(scores=make_scores(class_count=6))))


def test_names_in_notes_break_no_line() -> None:
    """Line breaks of a name are escapes before lines are wrapped."""
    outcome = make_outcome(make_pair(), empty_classes=("cat\n\x1b[2J", "dog"), notes=("list\r.csv: read",))
    text = _text(result_document.build([outcome], {}, complete=True), Presentation(200))
    assert r"no image was scored of the class folders cat\n\x1b[2J, dog" in text
    assert r"list\r.csv: read" in text
