"""Goldens as files: readable, whole, and told apart from anything else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from imgcls import golden_files
from imgcls.errors import ConfigError, MachineError
from test_golden_diff import GOLDEN


def test_a_golden_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With a line for every picture, and one for every other key."""
    file = golden_files.place(tmp_path, "photos", "net")
    golden_files.write(file, GOLDEN)
    assert golden_files.read(file, "") == GOLDEN
    lines = file.read_text().splitlines()
    assert len([line for line in lines if '"path": ' in line]) == len(GOLDEN.images)
    assert lines[1:4] == [' "format": 1,', ' "model": "net",', ' "dataset": "photos",']
    assert golden_files.all_in(tmp_path) == [file]


def test_a_missing_golden_says_the_next_command(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(ConfigError, match=r"net\.json: there is no golden of this name; make one with pytest --now$"):
        golden_files.read(tmp_path / "net.json", "pytest --now")


@pytest.mark.parametrize(
    ("key", "value"),
    [("logit_std", 0.0), ("precision", "float8"), ("images", [{"path": "a"}]), ("format", "one"), ("input", {})],
)
def test_what_is_no_golden_is_refused(tmp_path: Path, key: str, value: object) -> None:
    """Also where somebody changed one by hand."""
    file = tmp_path / "net.json"
    golden_files.write(file, GOLDEN)
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(ConfigError, match=r"net\.json: not a golden of imgcls: .*; delete it, then pytest --now$"):
        golden_files.read(file, "pytest --now")


def test_a_pin_without_answers_or_with_another_fingerprint_is_refused(tmp_path: Path) -> None:
    """What comparisons rely on is checked at the door."""
    for broken in ({"top": ()}, {"tensor": (0.0,)}):
        golden_files.write(tmp_path / "net.json", replace(GOLDEN, images=(replace(GOLDEN.images[0], **broken),)))
        with pytest.raises(ConfigError, match="not a golden of imgcls"):
            golden_files.read(tmp_path / "net.json", "")


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder that is a file, for instance."""
    (tmp_path / "golden").write_text("")
    with pytest.raises(MachineError, match=r"net\.json: the golden cannot be written: "):
        golden_files.write(golden_files.place(tmp_path, "photos", "net"), GOLDEN)


def test_a_picture_that_is_in_it_twice_is_refused(tmp_path: Path) -> None:
    """As after a merge that kept both sides."""
    golden_files.write(tmp_path / "net.json", replace(GOLDEN, images=GOLDEN.images * 2))
    with pytest.raises(ConfigError, match="a picture is in it twice; delete it, then pytest --now"):
        golden_files.read(tmp_path / "net.json", "pytest --now")


def test_another_format_is_named(tmp_path: Path) -> None:
    """A later version may write another."""
    golden_files.write(tmp_path / "net.json", replace(GOLDEN, format=2))
    with pytest.raises(ConfigError, match="its format is 2, and this version of imgcls reads 1"):
        golden_files.read(tmp_path / "net.json", "")
