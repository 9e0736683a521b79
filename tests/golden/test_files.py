"""imgcls.golden.files: golden records as files are readable, whole, and distinguished from anything else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from builders import GOLDEN, LFS_POINTER
from imgcls.errors import ConfigError, MachineError
from imgcls.golden import files

RESTORED = (
    r"; restore it from version control: git checkout -- \S+net\.json; or, to pin what the model predicts now: "
    "pytest --now"
)


def test_a_golden_is_read_as_it_was_written(tmp_path: Path) -> None:
    """With a line for every image, and one for every other key."""
    file = files.place(tmp_path, "photos", "net")
    files.write(file, GOLDEN)
    assert files.read(file, "") == GOLDEN
    lines = file.read_text().splitlines()
    assert len([line for line in lines if '"path": ' in line]) == len(GOLDEN.images)
    assert lines[1:4] == [' "format": 1,', ' "model": "net",', ' "dataset": "photos",']
    assert files.all_in(tmp_path) == [file]


def test_a_missing_golden_names_the_next_command(tmp_path: Path) -> None:
    """The message is one line."""
    with pytest.raises(ConfigError, match=r"there is no golden record of this name; make one with pytest --now$"):
        files.read(tmp_path / "net.json", "pytest --now")


@pytest.mark.parametrize(
    ("key", "value"),
    [("logit_std", 0.0), ("precision", "float8"), ("images", [{"path": "a"}]), ("format", "one"), ("input", {})],
)
def test_what_is_not_a_golden_is_refused(tmp_path: Path, key: str, value: object) -> None:
    """Also where one was changed by hand."""
    file = tmp_path / "net.json"
    files.write(file, GOLDEN)
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(ConfigError, match=rf"json: not a golden record of imgcls: .*{RESTORED}$"):
        files.read(file, "pytest --now")


def test_an_image_without_predictions_or_with_another_fingerprint_is_refused(tmp_path: Path) -> None:
    """What comparisons rely on is checked where the file is read."""
    for broken in ({"top": ()}, {"tensor": (0.0,)}):
        files.write(tmp_path / "net.json", replace(GOLDEN, images=(replace(GOLDEN.images[0], **broken),)))
        with pytest.raises(ConfigError, match="not a golden record of imgcls"):
            files.read(tmp_path / "net.json", "")


def test_what_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """A folder that is a file, for instance."""
    (tmp_path / "golden").write_text("")
    with pytest.raises(MachineError, match=r"net\.json: the golden record cannot be written: "):
        files.write(files.place(tmp_path, "photos", "net"), GOLDEN)


def test_an_image_that_is_in_it_twice_is_refused(tmp_path: Path) -> None:
    """As after a merge that kept both sides."""
    files.write(tmp_path / "net.json", replace(GOLDEN, images=GOLDEN.images * 2))
    with pytest.raises(ConfigError, match=rf"an image is in it twice{RESTORED}$"):
        files.read(tmp_path / "net.json", "pytest --now")


def test_another_format_is_named(tmp_path: Path) -> None:
    """A later version may write another."""
    files.write(tmp_path / "net.json", replace(GOLDEN, format=2))
    with pytest.raises(
        ConfigError, match=r"its format is 2, and this version of imgcls reads 1: use a newer one; or, .*--now$"
    ):
        files.read(tmp_path / "net.json", "pytest --now")


def test_a_record_that_git_lfs_did_not_fetch_is_fetched_and_not_written_anew(tmp_path: Path) -> None:
    """The way out is what fetches it, and no other."""
    (tmp_path / ".git").mkdir()
    file = files.place(tmp_path, "photos", "net")
    file.parent.mkdir(parents=True)
    file.write_bytes(LFS_POINTER)
    expected = r"a Git LFS pointer, not the golden record itself: .*`git lfs pull --include golden/photos/net\.json`$"
    with pytest.raises(ConfigError, match=expected):
        files.read(file, "pytest --now")
    assert not files.has_content(file)
