"""imgcls.data.manifest: every row is one path, wherever its paths begin and however they are spelled."""

import os
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from imgcls.data import manifest
from imgcls.errors import ConfigError
from imgcls.records import blocks
from imgcls.records.data import Listing, Place

DATA = b"not an image: nothing here decodes it"


def _put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(DATA)


def _write(file: Path, *lines: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def _labels(listing: Listing) -> dict[str, str | None]:
    return {image.path: image.label for image in listing.images}


def test_rows_are_relative_to_the_manifest(tmp_path: Path) -> None:
    """Rows are found next to the manifest whatever their extension, and other columns are kept with their images."""
    _put(tmp_path / "images" / "b.bin", tmp_path / "a, b.png")
    file = _write(
        tmp_path / "list.csv", "id,label,path", "1,cat,./images/b.bin", '2,"dög",gone.png', '3,cat,"a, b.png"'
    )

    listing = manifest.find("pets", file)

    assert _labels(listing) == {"a, b.png": "cat", "images/b.bin": "cat"}
    assert [image.columns for image in listing.images] == [{"id": "3"}, {"id": "1"}]
    assert [(one.path, one.reason) for one in listing.rejections] == [("gone.png", "missing")]
    assert (listing.ignored, listing.notes) == (0, ())


def test_paths_may_be_absolute(tmp_path: Path) -> None:
    """An absolute path is taken as it is, next to relative ones."""
    _put(tmp_path / "elsewhere" / "a.png", tmp_path / "lists" / "b.png")
    file = _write(tmp_path / "lists" / "list.csv", "path,label", f"{tmp_path}/elsewhere/a.png,cat", "b.png,dog")
    assert {image.file: image.label for image in manifest.find("pets", file).images} == {
        tmp_path / "elsewhere" / "a.png": "cat",
        tmp_path / "lists" / "b.png": "dog",
    }


@pytest.mark.skipif(os.sep == "\\", reason="there a backslash is a separator anyway")
def test_backslashes_are_separators_where_the_file_is_called_so(tmp_path: Path) -> None:
    r"""``cat\a.png`` is ``cat/a.png`` where only that exists, with a note; a name with a backslash stays."""
    _put(tmp_path / "cat" / "a.png", tmp_path / "cat" / "b.png", tmp_path / "dog\\c.png")
    rows = ("cat\\a.png,cat", ".\\cat\\b.png,cat", "dog\\c.png,dog", "gone\\d.png,dog")
    listing = manifest.find("pets", _write(tmp_path / "list.csv", "path,label", *rows))
    assert _labels(listing) == {"cat/a.png": "cat", "cat/b.png": "cat", "dog\\c.png": "dog"}
    assert [one.path for one in listing.rejections] == ["gone\\d.png"]
    assert listing.notes == ("list.csv: 2 of its paths are written with \\ and read with /, as their files are called",)


def test_paths_may_begin_in_the_folder_next_to_the_manifest(tmp_path: Path) -> None:
    """``val.txt`` next to ``val/`` names what is in it, as ImageNet's lists do; a note states the folder."""
    _put(tmp_path / "val" / "1.JPEG", tmp_path / "val" / "2.JPEG")
    (tmp_path / "devkit").mkdir()
    listing = manifest.find("imagenet", _write(tmp_path / "val.txt", "1.JPEG 65", "2.JPEG 970"))
    assert _labels(listing) == {"val/1.JPEG": "65", "val/2.JPEG": "970"}
    assert listing.notes == ("val.txt: its paths begin in the folder val next to it",)


def test_paths_that_may_begin_in_two_folders_are_refused(tmp_path: Path) -> None:
    """Where several folders next to the manifest have its first path, it must say which."""
    _put(tmp_path / "train" / "1.jpg", tmp_path / "val" / "1.jpg")
    with pytest.raises(
        ConfigError,
        match=r"'pets': .*list\.txt: 1\.jpg may be train/1\.jpg or val/1\.jpg: write paths of this form$",
    ):
        manifest.find("pets", _write(tmp_path / "list.txt", "1.jpg cat"))


def test_paths_that_are_all_wrong_have_a_note(tmp_path: Path) -> None:
    """Where no path is that of a file, each is a rejection, and a note states from where they are looked for."""
    _put(tmp_path / "images" / "3.jpg")
    listing = manifest.find("pets", _write(tmp_path / "labels.csv", "path,label", "1,cat", "2,dog"))
    assert [(one.path, one.reason) for one in listing.rejections] == [("1", "missing"), ("2", "missing")]
    assert listing.notes == (
        f"labels.csv: none of its paths is that of a file: they are looked for from {tmp_path} on",
    )


def test_paths_may_lack_their_suffix(tmp_path: Path) -> None:
    """``id,breed`` with the images in a folder next to it, as Kaggle has them; a note states what was completed."""
    _put(tmp_path / "train" / "0a.jpg", tmp_path / "train" / "0b.jpg", tmp_path / "train" / "0c.png")
    file = _write(tmp_path / "labels.csv", "id,breed", "gone,beagle", "0a,beagle", "0b,pug", "0c,pug", "0c.png,pug")
    listing = manifest.find("dogs", file, columns={"path": "id", "label": "breed"})
    assert _labels(listing) == {"train/0a.jpg": "beagle", "train/0b.jpg": "pug", "train/0c.png": "pug"}
    assert [one.path for one in listing.rejections] == ["train/0c.jpg", "train/gone.jpg"]
    assert listing.notes == (
        "labels.csv: its paths begin in the folder train next to it",
        "labels.csv: its paths without the suffix of an image are read with .jpg",
    )


def test_paths_that_may_have_two_suffixes_are_refused(tmp_path: Path) -> None:
    """Nothing is guessed where both files are there."""
    _put(tmp_path / "a.jpg", tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"list\.csv: a may be a\.jpg or a\.png: write paths of this form$"):
        manifest.find("pets", _write(tmp_path / "list.csv", "path,label", "a,cat"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,label", "a.png,cat", "./a.png,cat"], "line 3: a.png is listed twice; keep one row"),
        (["path,label", "a.png,cat", "a.png,dog"], "line 3: a.png is listed twice; keep one row"),
        (["path,label", "a.png"], "line 2: expected the 2 fields path, label, found 1"),
        (["file,name", "a.png,cat"], "no column for the path among its columns 'file', 'name'|no column for the label"),
        (["path,label", "a\0.png,cat"], "line 2: expected a path and a label, found"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, lines: Sequence[str], message: str) -> None:
    """A manifest that is not understood is an error that names dataset, file and line or columns."""
    with pytest.raises(ConfigError, match=f"'pets': .*list.csv(, |: ).*({message})"):
        manifest.find("pets", _write(tmp_path / "list.csv", *lines))


def test_all_wrong_lines_are_named_at_once(tmp_path: Path) -> None:
    """The first five wrong lines are named in their order, whatever is wrong with each, and the others are counted."""
    rows = ("a.png", "b.png,", ",cat", "c.png,cat,x", "c.png,cat", "c.png,dog", "d.png", 'e.png,"cat"x')
    with pytest.raises(ConfigError) as error:
        manifest.find("pets", _write(tmp_path / "list.csv", "path,label", *rows))
    assert str(error.value).removeprefix(f"dataset 'pets': {tmp_path / 'list.csv'}, ").split("; ") == [
        "line 2: expected the 2 fields path, label, found 1",
        "quote a field that holds a comma",
        "line 3: expected a path and a label, found 'b.png' and ''",
        "line 4: expected a path and a label, found '' and 'cat'",
        "line 5: expected the 2 fields path, label, found 3",
        "quote a field that holds a comma",
        "line 7: c.png is listed twice",
        "keep one row",
        "and 2 more",
    ]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are in memory, and few are sorted at once."""
    for name, value in {"BLOCK": 64, "IN_MEMORY": 2**14, "RUN": 256}.items():
        monkeypatch.setattr(blocks, name, value)


@pytest.mark.slow
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("suffix", "header", "row"),
    [
        (".csv", ["path,label"], "{0},class {1}"),
        (".jsonl", [], '{{"path": "{0}", "label": "class {1}"}}'),
        (".txt", [], "{0} class {1}"),
    ],
)
def test_a_manifest_is_never_in_memory(tmp_path: Path, suffix: str, header: Sequence[str], row: str) -> None:
    """A row more takes fewer than 100 bytes while a manifest is listed, and the images come sorted.

    The names are interned beforehand: pathlib does so, and the interpreter's table of them would grow in between.
    """
    folders, names = ([sys.intern(f"{number:02d}{end}") for number in range(100)] for end in ("", ".jpg"))
    peaks = {}
    for count in (200, 700, 3700):  # the first one imports what is imported only when it is needed
        paths = [f"{folder}/{name}" for folder in folders for name in names][:count]
        rows = (row.format(paths[number * 7919 % count], number % 7) for number in range(count))
        file = _write(tmp_path / f"{count}{suffix}", *header, *rows)
        tracemalloc.start()
        try:
            listing = manifest.find("pets", file, sha256=_no_hash)
            _, peaks[count] = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert [image.path for image in listing.images] == paths
    assert peaks[3700] - peaks[700] < 100 * 3000


def _no_hash(_: Place) -> str:
    return "0" * 64


@pytest.mark.usefixtures("small_blocks")
def test_paths_that_are_listed_twice_far_apart_are_named_by_their_lines(tmp_path: Path) -> None:
    """Every repetition counts, and the first ones are named in the order of their lines among other wrong lines."""
    rows = [f"{number}.jpg,cat" for number in range(2000)]
    file = _write(tmp_path / "list.csv", "path,label", *rows, "1999.jpg,dog", "x", *rows)
    with pytest.raises(ConfigError) as error:
        manifest.find("pets", file)
    assert str(error.value).removeprefix(f"dataset 'pets': {file}, ") == (
        "line 2002: 1999.jpg is listed twice; keep one row; "
        "line 2003: expected the 2 fields path, label, found 1; quote a field that holds a comma; "
        "line 2004: 0.jpg is listed twice; keep one row; "
        "line 2005: 1.jpg is listed twice; keep one row; "
        "line 2006: 2.jpg is listed twice; keep one row; and 1997 more"
    )


def test_a_manifest_that_is_absent_is_an_error(tmp_path: Path) -> None:
    """A manifest that is not there is named with the reason."""
    with pytest.raises(ConfigError, match=r"'pets': .*gone\.csv: the manifest cannot be read: No such file"):
        manifest.find("pets", tmp_path / "gone.csv")


def test_a_manifest_of_a_folder(tmp_path: Path) -> None:
    """A file is the manifest of a folder where it names an image that lies directly in it, and no other file is."""
    _put(tmp_path / "val" / "1.jpg", tmp_path / "val" / "deep" / "2.jpg")
    folder = tmp_path / "val"
    assert manifest.names_images_in(_write(tmp_path / "of_it.txt", "gone.jpg cat", "1.jpg cat"), folder)
    assert manifest.names_images_in(_write(folder / "inside.csv", "path,label", "1.jpg,cat"), folder)
    assert not manifest.names_images_in(_write(tmp_path / "deeper.txt", "deep/2.jpg cat"), folder)
    assert not manifest.names_images_in(_write(tmp_path / "notes.txt", "some words", "val is", "a folder"), folder)
    assert not manifest.names_images_in(_write(tmp_path / "sizes.csv", "width,height", "3,4"), folder)
