"""Every file is accounted for, with the reason where it was rejected."""

from dataclasses import replace

import pytest

from imgcls.records.data import Rejection
from imgcls.reporting.html.sections import files
from report_pages import make_document, make_view, rendered, section

REJECTED = Rejection("photos", "cat/\u202e.jpg", "truncated", "it ends early", ("net",))


def test_rejected_files_have_their_reasons() -> None:
    """First how many of each, then one by one."""
    document = make_document(rejections=(REJECTED, replace(REJECTED, path="cat/2.jpg")))
    read = section(rendered(document), "files")
    assert "Rejected: 2 truncated in photos" in read
    assert "cat/\\u202e.jpg photos truncated it ends early net" in read


def test_ignored_files_are_counted_by_suffix() -> None:
    """And folders without an image are named."""
    document = make_document()
    [of] = document.report.datasets
    ignoring = replace(of, ignored=3, ignored_suffixes={".txt": 2, "": 1}, empty_classes=("fox",))
    read = section(rendered(replace(document, report=replace(document.report, datasets=(ignoring,)))), "files")
    assert ".txt 2, no suffix 1 fox" in read
    assert "No file was rejected." in read


def test_many_rejections_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is in the document."""
    monkeypatch.setattr(files, "SHOWN", 1)
    read = section(rendered(make_document(rejections=(REJECTED, REJECTED))), "files")
    assert "1 more are in the result document" in read


def test_a_run_of_measurements_has_no_files() -> None:
    """Nothing is empty."""
    document = make_document(datasets=())
    assert files.context(make_view(document)) is None
