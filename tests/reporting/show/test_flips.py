"""Flips between two saved runs, in a row each."""

from pathlib import Path

import pytest

import run_parts
from imgcls.comparison import saved_run
from imgcls.errors import ConfigError
from imgcls.records.comparison import SavedRun
from imgcls.reporting.show import flips

IMAGES = {"cat/1.jpg": 0, "cat/2.jpg": 1, "cat/3.jpg": 1}


def _saved(folder: Path, name: str, images: dict[str, int], **values: str) -> SavedRun:
    return saved_run.read(run_parts.write(run_parts.make_part(name, images, **values), folder))


def test_each_flip_is_a_row(tmp_path: Path) -> None:
    """What was lost comes first, and the lines have the exact test."""
    before = _saved(tmp_path, "main.json", IMAGES, prediction_key="old")
    after = _saved(tmp_path, "run.json", {"cat/1.jpg": 1, "cat/2.jpg": 0, "cat/3.jpg": 2})
    [sheet] = flips.sheets(before, after, None, None)
    assert [(row["change"], row["path"], row["before"], row["after"]) for row in sheet.rows] == [
        ("right to wrong", "cat/1.jpg", "cat", "dog"),
        ("wrong to right", "cat/2.jpg", "dog", "cat"),
        ("wrong to otherwise wrong", "cat/3.jpg", "dog", "elk"),
    ]
    assert sheet.lines[0] == "flips: 1 lost, 1 gained, 1 other wrong"
    assert any("p = 1.0000" in line for line in sheet.lines)


def test_runs_that_share_nothing_are_refused(tmp_path: Path) -> None:
    """The message names both, and what they have."""
    before = _saved(tmp_path, "main.json", IMAGES, model="other")
    after = _saved(tmp_path, "run.json", IMAGES)
    with pytest.raises(ConfigError, match=r"main.json of .* and run.json of .* cannot be compared: .*has no net on"):
        flips.sheets(before, after, None, None)
