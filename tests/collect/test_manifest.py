"""imgcls.collect.manifest: one CSV that accounts for every URL, whatever killed the process that wrote it."""

import csv
from pathlib import Path

import pytest

from imgcls.collect.manifest import COLUMNS, FILE, Manifest, Row, Source, file_name, is_half, sources
from imgcls.data import listing, manifest
from imgcls.errors import ConfigError, MachineError

KEPT = Row("aa.jpg", "http://a/1", "http://a/", "2026-01-02T03:04:05Z", "CC0", "ff")
GONE = Row("", "http://a/2", "", "2026-01-02T03:04:05Z", "", "", "http_error", "HTTP 404 Not Found")
BUSY = Row("", "http://a/3", "", "2026-01-02T03:04:05Z", "", "", "busy", "HTTP 503 Service Unavailable")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image and a manifest that has it, a refused URL, and one that was busy."""
    (tmp_path / "aa.jpg").write_bytes(b"1")
    written = Manifest(tmp_path)
    for row in (KEPT, GONE, BUSY):
        written.add(row)
    return tmp_path


def test_what_is_read_again(folder: Path) -> None:
    """Rows come back as they were, without those of URLs that are worth another try."""
    assert Manifest(folder).rows == {"http://a/1": KEPT, "http://a/2": GONE}
    with (folder / FILE).open(newline="") as file:
        [first, *_] = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert first["licence"] == "CC0"


def test_an_image_that_was_deleted(folder: Path) -> None:
    """A person who deletes a wrong image does not get it again: its row stays, with the reason."""
    (folder / "aa.jpg").unlink()
    read = Manifest(folder)
    assert read.with_images() == []
    assert read.rows["http://a/1"].reason == "deleted"
    assert Manifest(folder).rows["http://a/1"].detail == "aa.jpg is not there any more"


@pytest.mark.parametrize("torn", ["aa.jpg,http://a/4,htt", '"aa.jpg', "\n", "a,b,c,d,e,f,g,h,i\n"])
def test_a_torn_row(folder: Path, torn: str) -> None:
    """What a killed process left of its last row is dropped, and the next row begins a line of its own."""
    with (folder / FILE).open("a") as file:
        file.write(torn)
    Manifest(folder).add(Row("", "http://a/5", "", "", "", "", "robots", "no"))
    assert list(Manifest(folder).rows) == ["http://a/1", "http://a/2", "http://a/5"]


def test_hostile_cells(folder: Path) -> None:
    """Line breaks, quotes and commas of a URL are in its cell, one line per row."""
    Manifest(folder).add(Row("", 'http://a/"\n,\x1b[2J', "", "", "", "", "robots", "no"))
    text = (folder / FILE).read_text()
    assert text.count("\n") == 4
    assert "\x1b" not in text


def test_another_table(tmp_path: Path) -> None:
    """A file of this name that is something else is not touched."""
    (tmp_path / FILE).write_text("path,label\na.jpg,cat\n")
    with pytest.raises(ConfigError, match=r"was not written by imgcls collect.*: move it, or name another folder"):
        Manifest(tmp_path)
    assert (tmp_path / FILE).read_text() == "path,label\na.jpg,cat\n"


def test_a_manifest_that_is_not_csv(tmp_path: Path) -> None:
    """A cell that is longer than any of ours is a line, with what to do."""
    (tmp_path / FILE).write_text(f"{','.join(COLUMNS)}\n{'a' * 200_000}\n")
    with pytest.raises(ConfigError, match=r"cannot be read as CSV: field larger .*: move it, or name another folder"):
        Manifest(tmp_path)


def test_a_dataset_takes_it_for_nothing(tmp_path: Path) -> None:
    """In the folder of a class it is one ignored .csv: no image, no class, and no manifest of a dataset."""
    folder = tmp_path / "sorrel"
    folder.mkdir()
    (folder / "aa.jpg").write_bytes(b"1")
    Manifest(folder).add(KEPT)
    listed = listing.find("photos", tmp_path)
    assert [image.path for image in listed.images] == ["sorrel/aa.jpg"]
    assert (listed.rejections, dict(listed.ignored_suffixes)) == ((), {".csv": 1})
    assert not manifest.names_images_in(folder / FILE, folder)


def test_lists(tmp_path: Path) -> None:
    """A URL per line, each once, without comments; or a CSV with a column url, of a manifest what was kept."""
    text = tmp_path / "list.txt"
    text.write_text("\ufeff# horses\nhttp://a/1\n\n  http://a/2  \nhttp://a/1\n")
    assert sources(text) == (Source("http://a/1"), Source("http://a/2"))
    table = tmp_path / "list.csv"
    table.write_text("licence,url,page,reason\nCC0,http://a/1,http://a/,\n,http://a/2,,robots\n,http://a/3,,\n")
    assert sources(table) == (Source("http://a/1", "http://a/", "CC0"), Source("http://a/3"))
    table.write_bytes(b"url\rhttp://a/1\r\rhttp://a/2\r")
    assert sources(table) == (Source("http://a/1"), Source("http://a/2"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "# nothing\n", "it has no URL: write one per line"),
        ("a.csv", "link\nhttp://a/1\n", "it has no column url"),
        (
            "b.csv",
            f"url\n{'a' * 200_000}\n",
            r"cannot be read as CSV: field larger .*: write one URL per line in a \.txt",
        ),
        ("b.txt", None, "the list of URLs cannot be read: No such file or directory"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    """Each with what to write."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        sources(tmp_path / name)


def test_names(folder: Path) -> None:
    """A file is called by its hash; half a file has another name; one without a row is an orphan."""
    name = file_name("0123456789abcdef" * 4, ".jpg")
    assert name == "0123456789abcdef.jpg"
    assert [is_half(f".89abcdef.{name}"), is_half(name), is_half(".89abcdef.photo.jpg")] == [True, False, False]
    read = Manifest(folder)
    assert read.orphans([name, "photo.jpg"]) == {name}
    read.add(Row(name, "http://a/6", "", "", "", ""))
    assert read.orphans([name, "photo.jpg"]) == set()


def test_two_at_once(folder: Path) -> None:
    """Where another process, or a person, wrote into the manifest, nothing of that is overwritten."""
    first, second = Manifest(folder), Manifest(folder)
    first.add(Row("", "http://a/7", "", "", "", "", "robots", "no"))
    with pytest.raises(
        MachineError, match=r"was changed by somebody else during this run: wait until another imgcls collect"
    ):
        second.add(Row("", "http://a/8", "", "", "", "", "robots", "no"))
    first.add(Row("", "http://a/9", "", "", "", "", "robots", "no"))
    (folder / FILE).unlink()
    with pytest.raises(MachineError, match="was changed by somebody else"):
        first.add(Row("", "http://a/10", "", "", "", "", "robots", "no"))
