"""imgcls.inspection.check: a set is looked at once, and everything planted in it is found."""

import shutil
import time
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image, ImageOps

from imgcls.data import listing as listings
from imgcls.data.listing import find
from imgcls.errors import Reason
from imgcls.inspection import check
from imgcls.records.data import ImageRef, Images, Listing, Rejection
from imgcls.records.inspection import Inspection


@pytest.fixture(name="folder")
def _folder(photographs: Path, tmp_path: Path) -> Path:
    """Three photographs in three classes."""
    return Path(shutil.copytree(photographs, tmp_path / "set"))


def _listing(folder: Path) -> Listing:
    return find("set", folder, sha256=listings.unhashed)


def _kinds(inspection: Inspection) -> list[tuple[str, list[str]]]:
    return [(one.kind, [image.path for image in one.images]) for one in inspection.findings]


def test_a_clean_set_is_counted(folder: Path) -> None:
    """By class and by format, with what its listing says of it."""
    (folder / "empty").mkdir()
    (folder / "n03877845" / "notes.txt").write_text("no image")
    inspection = check.inspect(_listing(folder))
    assert inspection.is_clean
    assert inspection.findings == ()
    assert inspection.images == 3
    assert inspection.classes == {"n03763968": 1, "n03877845": 1, "n11939491": 1}
    assert inspection.formats == {"JPEG": 3}
    assert (inspection.ignored, inspection.empty_classes) == (1, ("empty",))


def test_everything_planted_is_found(folder: Path) -> None:
    """Exactly that, with its label."""
    china, flower = folder / "n03877845" / "china.jpg", folder / "n11939491" / "flower.jpg"
    shutil.copy(china, china.with_name("copy.jpg"))
    shutil.copy(flower, folder / "n03877845" / "flower.jpg")
    with Image.open(folder / "n03763968" / "grace_hopper.jpg") as hopper:
        ImageOps.mirror(hopper).resize((200, 240)).save(folder / "n03763968" / "mirrored.webp")
    Image.new("RGB", (100, 100), "white").save(folder / "n03763968" / "white.png")
    Image.new("RGB", (100, 100), "black").save(folder / "n03763968" / "black.png")
    (folder / "n03763968" / "broken.jpg").write_bytes(china.read_bytes()[:20000])
    (folder / "stray.jpg").write_bytes(b"x")
    inspection = check.inspect(_listing(folder))
    assert _kinds(inspection) == [
        ("rejected", ["n03763968/broken.jpg"]),
        ("rejected", ["stray.jpg"]),
        ("exact_across_labels", ["n03877845/flower.jpg", "n11939491/flower.jpg"]),
        ("exact_in_label", ["n03877845/china.jpg", "n03877845/copy.jpg"]),
        ("near_in_label", ["n03763968/grace_hopper.jpg", "n03763968/mirrored.webp"]),
        ("blank", ["n03763968/black.png"]),
        ("blank", ["n03763968/white.png"]),
    ]
    assert not inspection.is_clean
    assert inspection.count("rejected", "blank") == 4
    assert [one.detail for one in inspection.of_kind("near_in_label")] == ["mirrored"]
    assert [one.detail.partition(":")[0] for one in inspection.of_kind("rejected")] == ["truncated", "unlabelled"]


def test_another_set_is_held_against(folder: Path, tmp_path: Path) -> None:
    """The same bytes and the same looks; what is rejected there is a note."""
    train = tmp_path / "train" / "all"
    train.mkdir(parents=True)
    shutil.copy(folder / "n03877845" / "china.jpg", train / "1.jpg")
    with Image.open(folder / "n11939491" / "flower.jpg") as flower:
        flower.resize((320, 213)).save(train / "2.png")
    (train / "3.jpg").write_bytes(b"")
    inspection = check.inspect(_listing(folder), _listing(tmp_path / "train"))
    assert _kinds(inspection) == [
        ("exact_against", ["n03877845/china.jpg", "all/1.jpg"]),
        ("near_against", ["n11939491/flower.jpg", "all/2.png"]),
    ]
    assert [image.is_against for image in inspection.findings[0].images] == [False, True]
    assert inspection.images == 3
    assert inspection.notes == ("1 image of the other set gave no pixels, and nothing is held against them",)


def test_every_file_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash, its format, its pixels and its Exif data are from one reading."""
    read: list[str] = []
    content = listings.content

    def counted(file: Path) -> bytes:
        read.append(file.name)
        return content(file)

    monkeypatch.setattr(listings, "content", counted)
    check.inspect(_listing(folder))
    assert sorted(read) == ["china.jpg", "flower.jpg", "grace_hopper.jpg"]


def test_progress_is_of_both_steps(folder: Path) -> None:
    """Files of both sets, and then images that are held against each other."""
    reported: list[tuple[str, int, int]] = []
    check.inspect(_listing(folder), _listing(folder), lambda *step: reported.append(step))
    assert reported[:6] == [("images", done, 6) for done in range(1, 7)]
    assert reported[6:] == [("near duplicates", 3, 3)]


def test_the_limit_of_the_dataset_holds(folder: Path) -> None:
    """As it does in scoring."""
    inspection = check.inspect(_listing(folder), max_megapixels=0.3)
    assert [one.detail.partition(":")[0] for one in inspection.of_kind("rejected")] == ["too_large"] * 1


def test_nothing_is_clean() -> None:
    """A listing without files has no findings."""
    assert check.inspect(Listing(Images(), (), 0)).is_clean


@pytest.mark.slow
@pytest.mark.shared
def test_every_photograph_in_both_sets_is_found(shared_data: Path) -> None:
    """All 50, and nothing among them looks like another one."""
    inspection = check.inspect(_listing(shared_data / "photos10"), _listing(shared_data / "photos"))
    assert {one.kind for one in inspection.findings} == {"exact_against"}
    assert inspection.count("exact_against") == 50


@pytest.mark.slow
@pytest.mark.shared
def test_no_two_of_the_photographs_look_the_same(shared_data: Path) -> None:
    """Of 1000, which are 499,500 pairs."""
    inspection = check.inspect(_listing(shared_data / "photos"))
    assert (inspection.images, inspection.is_clean) == (1000, True)
    assert {one.kind for one in inspection.findings} == {"turned"}


@pytest.mark.slow
@pytest.mark.shared
def test_hostile_files_are_findings_and_never_errors(shared_data: Path) -> None:
    """Each is an image or rejected, with a reason of one word."""
    listing = _listing(shared_data / "hostile")
    inspection = check.inspect(listing)
    rejected = inspection.of_kind("rejected")
    assert inspection.images + len(rejected) == len(listing.images) + len(listing.rejections)
    assert {one.detail.partition(": ")[0] for one in rejected} <= {*get_args(Reason)}
    assert len(rejected) > 100


def test_a_person_who_interrupts_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C does not wait for all the images that are left."""
    [image, *_] = _listing(folder).images
    done = []

    def look(image: ImageRef, exif: str) -> Rejection:
        done.append(exif)
        time.sleep(0.005)
        return Rejection("", image.path, "empty", "it has 0 bytes")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imgcls.inspection.looks.look", look)
    with pytest.raises(KeyboardInterrupt):
        check.inspect(Listing(Images([image] * 200), (), 0), progress=interrupt)
    assert len(done) < 20
