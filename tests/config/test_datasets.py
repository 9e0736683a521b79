"""imgcls.config.datasets: the keys of datasets, each with its type and its choices, and what their paths name."""

from pathlib import Path

import pytest

from configurations import assert_refused, load_text
from imgcls.config import datasets
from imgcls.config.datasets import DatasetPath, parse_path
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", 'path: is missing: a folder with a folder per class, a manifest, or "builtin:digits"'),
        ("path = 3", "path: must be a string, not 3"),
        ("path = ['a']", "path: must be a string, not ['a']"),
        ("path = '~nobody-of-this-name/x'", "path: '~nobody-of-this-name/x': Could not determine home directory"),
        ("path = 'builtin:digit'", "path: there is no built-in dataset 'builtin:digit'; known: builtin:digits"),
        ("path = 'p'\nlabels = 'wnids'", "labels: 'wnids' is not one of auto, wnid, name, index; did you mean 'wnid'?"),
        ("path = 'p'\nlabels = 'c.csv'", "labels: 'c.csv' is a file: write labels = { file = \"c.csv\" }"),
        ("path = 'p'\nlabels = false", "labels: must be a string, not False"),
        ("path = 'p'\ngolden = 1", "golden: must be true or false, not 1"),
        ("path = 'p'\ngolden = 'yes'", "golden: must be true or false, not 'yes'"),
        ("path = 'p'\nexif = true", "exif: must be a string, not True"),
        ("path = 'p'\nexif = 'aply'", "exif: 'aply' is not one of ignore, apply; did you mean 'apply'?"),
        (
            "path = 'p'\nduplicates = 'dropp'",
            "duplicates: 'dropp' is not one of error, drop, keep_first; did you mean 'drop'?",
        ),
        ("path = 'p'\nmax_megapixels = 0", "max_megapixels: must be a number above 0, not 0"),
        ("path = 'p'\nmax_megapixels = '400'", "max_megapixels: must be a number above 0, not '400'"),
    ],
)
def test_a_dataset_is_checked_key_by_key(tmp_path: Path, lines: str, message: str) -> None:
    """Each key of a dataset has its type and its choices."""
    assert_refused(tmp_path, f"[datasets.d]\n{lines}", f"[datasets.d] {message}")


@pytest.mark.parametrize(
    ("key", "table", "message"),
    [
        ("labels", "{}", "file: is missing: a .csv with the columns folder and wnid, name or index"),
        ("labels", "{ file = 3 }", "file: must be a string, not 3"),
        ("columns", "{ path = 3 }", "path: must be a string, not 3"),
        ("columns", "{ file = 'a' }", "file: unknown key; known: path, label, group"),
    ],
)
def test_tables_within_a_dataset_are_checked(tmp_path: Path, key: str, table: str, message: str) -> None:
    """A map of labels names its file, and columns are those for path, label and group."""
    assert_refused(tmp_path, f"[datasets.d]\npath = 'p'\n{key} = {table}", f"[datasets.d.{key}] {message}")


def test_every_key_of_a_dataset_is_read(tmp_path: Path) -> None:
    """What is given is in the specification, and what is not is as it was before there was a key."""
    text = (
        "[datasets.all]\npath = 'list.csv'\nlabels = 'name'\ngolden = true\nexif = 'apply'\nduplicates = 'drop'\n"
        "columns = { path = 'Path', label = 'ClassId' }\nmax_megapixels = 400\n[datasets.none]\npath = 'photos'\n"
    )
    columns = {"path": "Path", "label": "ClassId"}
    assert load_text(tmp_path, text).datasets == {
        "all": DatasetSpec("all", tmp_path / "list.csv", "name", True, "apply", columns, "drop", 400.0),
        "none": DatasetSpec("none", tmp_path / "photos"),
    }


NOTE = '"digits" is the built-in dataset, because there is no path {}; write "builtin:digits"'


def test_digits_is_a_users_folder_where_there_is_one(tmp_path: Path) -> None:
    """``builtin:digits`` is always the built-in dataset, ``digits`` only with a note and where nothing is called so."""
    text = '[datasets]\na = { path = "builtin:digits" }\nb = { path = "digits" }\nc = { path = "./digits" }\n'
    before = load_text(tmp_path, text).datasets
    assert [before[name].path for name in "abc"] == ["builtin:digits", "builtin:digits", tmp_path / "digits"]
    assert [before[name].notes for name in "abc"] == [(), (NOTE.format(tmp_path / "digits"),), ()]
    (tmp_path / "digits").mkdir()
    after = load_text(tmp_path, text).datasets
    assert [after[name].path for name in "abc"] == ["builtin:digits", tmp_path / "digits", tmp_path / "digits"]
    assert [after[name].notes for name in "abc"] == [(), (), ()]


def test_a_link_that_leads_nowhere_is_still_the_users(tmp_path: Path) -> None:
    """A dangling link called ``digits`` is not silently replaced by the built-in dataset."""
    (tmp_path / "digits").symlink_to(tmp_path / "gone")
    assert parse_path("digits", tmp_path / "digits") == DatasetPath(tmp_path / "digits")


def test_a_built_in_dataset_that_there_is_not(tmp_path: Path) -> None:
    """Another name after ``builtin:`` is refused, unless a folder is really called so."""
    with pytest.raises(ConfigError, match="there is no built-in dataset 'builtin:x'; known: builtin:digits"):
        parse_path("builtin:x", tmp_path / "builtin:x")
    (tmp_path / "builtin:x").mkdir()
    assert parse_path("builtin:x", tmp_path / "builtin:x").path == tmp_path / "builtin:x"


@pytest.mark.parametrize(
    ("path", "name"),
    [("my/photos", "photos"), ("a b/my photos.csv", "my-photos"), ("..", "-"), ("builtin:digits", "digits")],
)
def test_a_dataset_of_a_command_line_is_named_after_its_path(path: str, name: str) -> None:
    """What cannot be in a name becomes a dash."""
    assert datasets.dataset("command line", path, "auto").name == name


@pytest.mark.parametrize(
    "value", ["s3://bucket/a.tar", "hf://datasets/o/n@c0ffee/*.parquet", "memory://photos", "python:package.data:test"]
)
def test_what_is_not_on_this_machine_is_an_address(tmp_path: Path, value: str) -> None:
    """It is not taken for a path from the configuration on; modules of Python are looked for next to it first."""
    (dataset,) = load_text(tmp_path, f"[datasets.d]\npath = '{value}'").datasets.values()
    assert dataset.path == value
    assert dataset.folder == (tmp_path if value.startswith("python:") else None)


def test_a_file_that_is_called_like_an_address_is_a_file(tmp_path: Path) -> None:
    """As one that is called like a built-in dataset."""
    (tmp_path / "python:x").touch()
    assert parse_path("python:x", tmp_path / "python:x").path == tmp_path / "python:x"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("shards/val-{000..146}.tar", "val"), ("shards/{000..146}.tar", "shards"), ("d/train-*.parquet", "train"),
        ("s3://bucket/val.zip?versionId=3", "val"), ("s3://bucket/val", "val"), ("python:package.data:test", "test"),
        ("memory://{0..3}.tar", "memory"),
    ],
)  # fmt: skip
def test_other_forms_are_named_after_what_they_hold(path: str, name: str) -> None:
    """Not after what numbers their shards."""
    assert datasets.dataset("command line", path, "auto").name.strip("-") == name
