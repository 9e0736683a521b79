"""Images whose names have no suffix."""

from pathlib import Path

from first_hour import write_images
from imgcls.scaffold import suffixless


def test_images_without_a_suffix_are_counted_by_their_content(tmp_path: Path) -> None:
    """Other files without one are not, nor is what is hidden."""
    write_images(tmp_path, {"cat": 2, "dog": 1, ".cache": 1})
    for file in sorted(tmp_path.rglob("*.png")):
        file.rename(file.with_suffix(""))
    (tmp_path / "LICENSE").write_text("all rights")
    assert suffixless.sentence(tmp_path) == (
        f"3 files without a suffix are images, as {tmp_path / 'cat' / '0'}: name them with their suffix, or list "
        "them in a manifest (path,label)"
    )


def test_without_such_images_nothing_is_said(tmp_path: Path) -> None:
    """Whatever else lies there."""
    write_images(tmp_path, {"cat": 1})
    (tmp_path / "README").write_text("read me")
    assert suffixless.sentence(tmp_path) is None
