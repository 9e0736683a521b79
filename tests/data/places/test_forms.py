"""imgcls.data.places.forms: a path names its form, and the archives that are not read state what to do."""

from importlib import import_module
from pathlib import Path

import pytest

from dataset_forms import listed, parquet_of, samples_of, tar_of, zip_of
from imgcls.data.places import forms
from imgcls.data.places import zip as zip_form
from imgcls.data.places.base import Contents
from imgcls.errors import ConfigError
from imgcls.records.config import Address, DatasetSpec


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("a.tar", "tar"), ("A.TAR", "tar"), ("s/{000..146}.tar", "tar"), ("a.zip", "zip"), ("d/*.parquet", "parquet"),
        ("s3://b/a.tar", "tar"), ("https://h/a.zip?token=x/y.tar", "zip"), ("gs://b/photos", "url"),
        ("hf://datasets/o/n@c0ffee/data/train-*.parquet", "parquet"), ("python:m:f", "python"), ("photos", None),
        ("list.csv", None),
    ],
)  # fmt: skip
def test_a_path_names_its_form(path: str, form: str | None) -> None:
    """By its suffix, or by what it begins with."""
    assert forms.form_of(path) == form


def test_folders_are_folders_whatever_they_are_called(tmp_path: Path) -> None:
    """As with manifests."""
    (tmp_path / "a.tar").mkdir()
    assert forms.form_of(str(tmp_path / "a.tar")) is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("d/a.tar.gz", "no image in it can be read by itself: `gunzip -k a.tar.gz`, and set `path` to the .tar"),
        ("a.TGZ", "`gunzip -k a.TGZ`"),
        ("a.tar.bz2", "`bunzip2 -k a.tar.bz2`"),
        ("a.tar.xz", "`unxz -k a.tar.xz`"),
        ("a.tar.zst", "`unzstd a.tar.zst`"),
        ("a.7z", "is an archive that is not read: unpack it, or pack it as .tar or .zip"),
    ],
)
def test_archives_that_are_not_read_state_what_to_do(path: str, message: str) -> None:
    """The command that makes one that is."""
    with pytest.raises(ConfigError) as caught:
        listed(path)
    assert message in str(caught.value)


def test_a_folder_of_shards_states_the_path_to_write(tmp_path: Path) -> None:
    """It has no folder per class."""
    tar_of(tmp_path / "0.tar", {"a.jpg": b"a", "a.cls": b"1"})
    with pytest.raises(ConfigError, match=r"holds no folder per class: write path = '.*/\*\.tar'"):
        listed(tmp_path)


def test_every_row_is_a_module_of_the_protocol() -> None:
    """It lists and it reads."""
    for row in forms.FORMS.values():
        module = import_module(row.module)
        assert callable(module.contents)
        assert callable(module.read)


def test_every_form_lists_the_same_images(tmp_path: Path) -> None:
    """The same hashes under the same labels, in the same order."""
    members = {f"{label}/{label}{number}.png": f"{label}{number}".encode() for label in "ab" for number in range(3)}
    for path, data in members.items():
        (tmp_path / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / path).write_bytes(data)
    paths = [
        tmp_path / "photos",
        tar_of(tmp_path / "a.tar", members),
        tar_of(tmp_path / "b.tar", samples_of(members)),
        zip_of(tmp_path / "c.zip", members),
        parquet_of(tmp_path / "d.parquet", members),
    ]
    images = [[(image.sha256, image.label) for image in listed(path).images] for path in paths]
    assert len(images[0]) == len(members)
    assert images == [images[0]] * len(paths)


@pytest.mark.parametrize(("path", "notes"), [("hf://datasets/o/n/a.zip", 1), ("hf://datasets/o/n@c0ffee/a.zip", 0)])
def test_a_repository_without_a_commit_is_noted(monkeypatch: pytest.MonkeyPatch, path: str, notes: int) -> None:
    """Its files may be others tomorrow."""
    monkeypatch.setattr(zip_form, "contents", lambda _: Contents(()))
    noted = forms.contents(DatasetSpec("d", Address(path))).notes
    assert len(noted) == notes
    assert all("write @ and a commit after the name" in note for note in noted)
