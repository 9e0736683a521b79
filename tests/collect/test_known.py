"""imgcls.collect.known: nothing twice, and nothing of a training set."""

import hashlib
from pathlib import Path

import pytest

from collect_site import photo
from imgcls.collect import known
from imgcls.collect.judge import judge
from imgcls.collect.known import Known
from imgcls.collect.manifest import Manifest, Row
from imgcls.collect.refusal import Refused
from imgcls.errors import ConfigError


def _reason(images: Known, data: bytes) -> str:
    judged = judge(data, 1)
    try:
        images.require_new(judged.sha256, judged.look)
    except Refused as refusal:
        return f"{refusal.reason}: {refusal.detail}"
    return ""


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Two images in folders of classes, one file that is broken, and one in the folder to fill."""
    folder = tmp_path / "train"
    for name, seed in (("cat/1.jpg", 1), ("dog/2.jpg", 2), ("out/3.jpg", 3)):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(photo(seed))
    (folder / "dog" / "4.jpg").write_bytes(b"broken")
    return folder


def _ignore(_name: str, _done: int, _total: int) -> None:
    pass


def test_same_and_near(train: Path) -> None:
    """The same bytes, and the same image at another size or in another format; another image is new."""
    images = Known("excluded", "near_excluded")
    known.add_all(images, known.images_in([train], train / "out"), _ignore)
    assert _reason(images, photo(1)) == f"excluded: its bytes are those of {train}/cat/1.jpg"
    assert _reason(images, photo(2, (320, 240))) == (f"near_excluded: it looks like {train}/dog/2.jpg")
    assert _reason(images, photo(2, kind="PNG")).startswith("near_excluded: ")
    assert _reason(images, photo(3)) == ""
    assert _reason(images, photo(9)) == ""


def test_broken_files_count_by_their_bytes(train: Path) -> None:
    """What does not decode has a hash all the same, and counts in the progress, which begins after a second."""
    images, reports = Known("excluded", "near_excluded"), list[tuple[int, int]]()
    listed = known.images_in([train], train / "out")
    seconds = iter([0.0, 0.9, 1.1, 1.2])
    added = known.add_all(images, listed, lambda _, done, total: reports.append((done, total)), lambda: next(seconds))
    assert reports == [(2, 3), (3, 3)]
    assert images.match(hashlib.sha256(b"broken").hexdigest(), None) is not None
    assert added[f"{train}/dog/4.jpg"][1] is None


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A mistyped folder would exclude nothing."""
    with pytest.raises(ConfigError, match=r"^--exclude .*/trian: there is no such folder$"):
        known.images_in([tmp_path / "trian"], tmp_path)


def test_images_of_a_folder(tmp_path: Path) -> None:
    """Those of the manifest and a person's own, without one that a killed process did not account for."""
    for name in ("own.jpg", "0" * 16 + ".jpg", "1" * 16 + ".jpg"):
        (tmp_path / name).write_bytes(name.encode())
    manifest = Manifest(tmp_path)
    manifest.add(Row("0" * 16 + ".jpg", "http://a/1", "", "", "", ""))
    assert [image.file.name for image in known.images_of(manifest)] == ["0" * 16 + ".jpg", "own.jpg"]
