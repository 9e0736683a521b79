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
    assert origins.read(images) == {
        "aa": Origin(PAGE, "CC0", "2026-01-02"),
        "bb": Origin("https://x.test/2.jpg", "", "2026-01-03"),
    }


@pytest.mark.parametrize(
    "content", [b"\xff\xfe,\x00\nsha256\n", b'sha256\n"' + b"a\n" * 70_000], ids=["bytes", "a quote"]
)
def test_a_file_of_that_name_that_is_something_else_says_nothing(tmp_path: Path, content: bytes) -> None:
    """Whatever it holds."""
    (tmp_path / manifest.FILE).write_bytes(content)
    assert origins.read([_ref(tmp_path, "1.jpg", "aa")]) == {}


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
