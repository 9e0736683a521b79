"""imgcls.reporting.lab.origins: where gathered images are from."""

from dataclasses import astuple
from pathlib import Path
from urllib.parse import unquote

import pytest

import markdown_pages
from imgcls.collect import manifest
from imgcls.records.data import ImageRef
from imgcls.reporting.lab import origins
from imgcls.reporting.lab.origins import Origin
from lab_parts import make_contents

PAGE = "https://pages.test/a_b?c=*d*"


def _ref(folder: Path, name: str, sha256: str) -> ImageRef:
    return ImageRef(f"cat/{name}", folder / name, sha256, "cat")


def test_the_rows_of_a_folders_manifest_are_those_of_its_images(tmp_path: Path) -> None:
    """By their bytes; without a page, the URL of the image; what was refused has none."""
    (tmp_path / "dog").mkdir()
    rows = [
        manifest.Row("1.jpg", "https://x.test/1.jpg", PAGE, "2026-01-02", "CC0", "aa"),
        manifest.Row("2.jpg", "https://x.test/2.jpg", "", "2026-01-03", "", "bb"),
        manifest.Row("", "https://x.test/3.jpg", PAGE, "2026-01-03", "", "cc", "too small", "10 pixels"),
    ]
    lines = [",".join(manifest.COLUMNS), *(",".join(astuple(row)) for row in rows)]
    (tmp_path / manifest.FILE).write_text("\n".join(lines))
    images = [_ref(tmp_path, "1.jpg", "aa"), _ref(tmp_path / "dog", "9.jpg", "dd")]
    expected = {
        "aa": Origin(PAGE, "CC0", "2026-01-02"),
        "bb": Origin("https://x.test/2.jpg", "", "2026-01-03"),
    }
    assert origins.read(images) == (expected, [])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe,\x00\nsha256\n", ": the manifest is UTF-16: save it as UTF-8"),
        (b"sha256,licence\naa,\xe9\n", ", line 2: the manifest is not UTF-8 (byte 0xe9): save it as UTF-8"),
        (
            b'sha256\n"' + b"a\n" * 70_000,
            " cannot be read as CSV: field larger than field limit (131072): restore it, or name it otherwise",
        ),
        (
            b"name,licence\n1.jpg,CC0\n",
            " was not written by imgcls collect, it has no column sha256: restore it, or name it otherwise",
        ),
        (b"", " was not written by imgcls collect, it has no column sha256: restore it, or name it otherwise"),
    ],
    ids=["utf-16", "latin-1", "a quote", "another table", "empty"],
)
def test_a_manifest_that_cannot_be_read_is_a_note(tmp_path: Path, content: bytes, why: str) -> None:
    """With what to do; the manifests of other folders are read."""
    (tmp_path / "dog").mkdir()
    (tmp_path / manifest.FILE).write_text("sha256,url,page,licence,date\nbb,u,,,d\n")
    (tmp_path / "dog" / manifest.FILE).write_bytes(content)
    images = [_ref(tmp_path / "dog", "1.jpg", "aa"), _ref(tmp_path, "2.jpg", "bb")]
    note = f"where the images of a folder are from is left out: {tmp_path / 'dog' / manifest.FILE}{why}"
    assert origins.read(images) == ({"bb": Origin("u", "", "d")}, [note])


def test_each_gathered_image_has_a_row() -> None:
    """With a dash for what is not known, and nothing that a reader takes for markup."""
    contents = make_contents()
    sha256 = contents.predictions[0].image_sha256
    text = "\n".join(origins.blocks(make_contents(origins={sha256: Origin(PAGE, "", "2026-01-02")})))
    [table] = markdown_pages.tables(text)
    assert [[cell.replace("\u200b", "") for cell in row] for row in table[1:]] == [
        [contents.predictions[0].path, PAGE, "-", "2026-01-02"]
    ]
    assert [unquote(target) for target in markdown_pages.targets(text)] == [PAGE]


def test_images_of_ones_own_have_no_such_section() -> None:
    """Nothing was noted of them."""
    assert list(origins.blocks(make_contents())) == []
