"""imgcls.reporting.inspection_text: an inspection as it is read, in 80 columns."""

import pytest

from imgcls.records.inspection import Finding, ImagePlace, Inspection, Kind
from imgcls.reporting import inspection_text
from imgcls.reporting.presentation import Presentation


def _finding(kind: Kind, *paths: str, against: tuple[str, ...] = (), detail: str = "") -> Finding:
    own = [ImagePlace(path, path.partition("/")[0]) for path in paths]
    return Finding(kind, (*own, *(ImagePlace(path, None, is_against=True) for path in against)), detail)


def _text(*findings: Finding, verbosity: int = 0, against: str | None = None, **facts: object) -> str:
    values = {"images": 9, "classes": {"cat": 5, "dog": 4}, "formats": {"JPEG": 8, "PNG": 1}, **facts}
    inspection = Inspection(findings=findings, **values)  # type: ignore[arg-type]  # values of these keys
    return inspection_text.text(inspection, "photos/", against, Presentation(80, verbosity))


def test_a_clean_set_is_two_lines() -> None:
    """What it is, and that nothing is wrong."""
    assert _text().splitlines() == [
        "photos/: 9 images in 2 classes (8 JPEG, 1 PNG)",
        "ok: every file is an image, and none has two labels",
    ]
    assert (
        _text(against="train").splitlines()[-1]
        == "ok: every file is an image, none has two labels, and none is in train"
    )
    assert _text(verbosity=-1) == ""


def test_of_images_without_labels_nothing_is_said_about_labels() -> None:
    """A flat folder has none."""
    assert _text(classes={}).splitlines()[-1] == "ok: every file is an image"
    assert _text(classes={}, against="train").splitlines()[-1] == "ok: every file is an image, and none is in train"
    copies = _text(_finding("exact_in_label", "1.jpg", "2.jpg"), classes={})
    assert " same bytes  " in copies
    assert "\nsame bytes: gates count them once" in copies


def test_what_is_found_is_counted_named_and_explained() -> None:
    """First the table, then each kind with what to do, last the verdict."""
    text = _text(
        _finding("rejected", "cat/7.jpg", detail="empty: it has 0 bytes"),
        _finding("exact_against", "cat/1.jpg", "cat/2.jpg", against=("a.jpg",)),
        _finding("near_in_label", "dog/1.jpg", "dog/2.jpg", detail="mirrored"),
        against="train/",
        ignored=1,
        empty_classes=("eel",),
        notes=("something was guessed",),
    )
    assert (
        text
        == """\
photos/: 9 images in 2 classes (8 JPEG, 1 PNG)
1 file ignored, because they are not images by their names
no image in eel

 found                        files  groups  distorts a test
 ───────────────────────────────────────────────────────────
 cannot be scored                 1                      yes
 same bytes in the other set      2       1              yes
 looks the same, one label        2       1

cannot be scored: replace or remove them: a gate fails where more images are
  rejected than max_rejected of it allows
  cat/7.jpg (empty: it has 0 bytes)

same bytes in the other set: remove them from one of the two: a model knows what
  it was trained on
  cat/1.jpg = train/a.jpg = cat/2.jpg

looks the same, one label: gates count each of them: keep one, or give them one
  `group` in a manifest, which counts once
  dog/1.jpg ~ dog/2.jpg (mirrored)

note: something was guessed
FAIL: cannot be scored; same bytes in the other set: a test on these images is
  distorted"""
    )


def test_many_are_cut_short_and_verbose_lists_all() -> None:
    """Three findings of a kind, four files of a group."""
    blank = [_finding("blank", f"cat/{number}.jpg") for number in range(5)]
    group = _finding("near_in_label", *(f"dog/{number}.jpg" for number in range(6)))
    short, long = _text(*blank, group), _text(*blank, group, verbosity=1)
    assert "  cat/2.jpg\n  and 2 more: -v lists all" in short
    assert "  dog/0.jpg ~ dog/1.jpg ~ dog/2.jpg ~ dog/3.jpg ~ 2 more" in short
    assert "more" not in long
    assert "cat/4.jpg" in long
    assert "dog/5.jpg" in long


def test_a_cut_group_shows_every_label_first() -> None:
    """Since that is what is wrong with it."""
    text = _text(_finding("near_across_labels", *(f"cat/{number}.jpg" for number in range(5)), "dog/1.jpg"))
    assert "  cat/0.jpg ~ dog/1.jpg ~ cat/1.jpg ~ cat/2.jpg ~ 2 more" in text


def test_labels_that_are_not_in_paths_are_shown() -> None:
    """As a manifest has them."""
    places = (ImagePlace("1.jpg", "cat"), ImagePlace("2.jpg", "dog"))
    assert "  1.jpg [cat] = 2.jpg [dog]" in _text(Finding("exact_across_labels", places))


def test_quiet_has_only_what_distorts() -> None:
    """Nothing for information."""
    rejected, blank = _finding("rejected", "cat/1.jpg", detail="empty: it has 0 bytes"), _finding("blank", "cat/2.jpg")
    text = _text(rejected, blank, verbosity=-1)
    assert "cat/1.jpg" in text
    assert "cat/2.jpg" not in text
    assert "photos/" not in text
    assert _text(blank, verbosity=-1) == ""


@pytest.mark.parametrize("path", ["cat/a\nb.jpg", "cat/\x1b[31m.jpg", "cat/\u202eb.jpg"])
def test_every_name_is_in_one_line_and_seen(path: str) -> None:
    """As escapes, in paths and in details."""
    text = _text(_finding("rejected", path, detail=f"missing: {path}"), verbosity=1)
    assert path not in text
    assert all(line.isprintable() for line in text.splitlines())


def test_many_formats_are_cut_short() -> None:
    """The five most frequent are named."""
    line, *_ = _text(formats={f"F{number}": number for number in range(9, 0, -1)}).splitlines()
    assert line.endswith("(9 F9, 8 F8, 7 F7, 6 F6, 5 F5 and 4 more)")
