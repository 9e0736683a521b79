"""An inspection as text: how many files have what, the first of each kind by name, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from imgcls import messages
from imgcls.inspection.looks import SMALLEST_SIDE
from imgcls.messages import counted
from imgcls.records.inspection import DISTORTING, Finding, ImagePlace, Inspection, Kind
from imgcls.reporting import text_table
from imgcls.reporting.presentation import Presentation

SHOWN, MEMBERS, FORMATS = 3, 4, 5  # docs/decisions.md#names-in-a-message
"""How many findings of a kind are named, files of a group, and formats."""


class _Words(NamedTuple):
    """What a kind is called, and what to do about it. ``between``: what stands between files that are alike."""

    title: str
    advice: str
    between: str = ""


_WORDS: dict[Kind, _Words] = {
    "rejected": _Words(
        "cannot be scored",
        "replace or remove them: a gate fails where more images are rejected than max_rejected of it allows",
    ),
    "exact_across_labels": _Words(
        "same bytes, several labels",
        'one label is wrong: remove the file, or set duplicates = "drop" or "keep_first" in the dataset',
        " = ",
    ),
    "near_across_labels": _Words(
        "looks the same, several labels", "look at them: where one label is wrong, move or remove the file", " ~ "
    ),
    "exact_against": _Words(
        "same bytes in the other set", "remove them from one of the two: a model knows what it was trained on", " = "
    ),
    "near_against": _Words(
        "looks the same in the other set",
        "look at them, and remove them from one of the two: a model knows what it was trained on",
        " ~ ",
    ),
    "exact_in_label": _Words("same bytes, one label", "gates count them once; one file of each is enough", " = "),
    "near_in_label": _Words(
        "looks the same, one label",
        "gates count each of them: keep one, or give them one `group` in a manifest, which counts once",
        " ~ ",
    ),
    "blank": _Words("blank", "nearly one colour: remove them where that is not what the class looks like"),
    "tiny": _Words(
        "tiny", f"a side under {SMALLEST_SIDE} pixels, as icons have; they are compared by their bytes only"
    ),
    "wrong_suffix": _Words("wrong suffix", "read by their content; other programs may refuse them: rename them"),
    "turned": _Words(
        "turned by Exif",
        'scored as they are stored, as torchvision and timm do; exif = "apply" in the dataset turns them upright',
    ),
}


def text(inspection: Inspection, name: str, against: str | None, how: Presentation) -> str:
    """Everything to print, in lines; ``name`` and ``against``: what the two sets are called. Verbose: all findings."""
    kinds = [kind for kind in get_args(Kind) if inspection.count(kind)]
    shown = [kind for kind in kinds if kind in DISTORTING or how.verbosity >= 0]
    lines = [] if how.verbosity < 0 else [line for text in _head(inspection, name) for line in _wrapped(text, how)]
    if shown:
        lines += [how.text(_table(inspection, shown))]
    for kind in shown:
        lines += [*_section(inspection, kind, against or "", how), ""]
    if how.verbosity >= 0:
        lines += [line for note in inspection.notes for line in _wrapped(f"note: {messages.printable(note)}", how)]
    if how.verbosity >= 0 or not inspection.is_clean:
        lines += _wrapped(_verdict(inspection, against), how)
    return "\n".join(lines)


def _head(inspection: Inspection, name: str) -> Iterator[str]:
    classes = f" in {counted(len(inspection.classes), 'class')}" if inspection.classes else ""
    formats = messages.named([f"{count} {format_}" for format_, count in inspection.formats.items()], FORMATS)
    yield f"{messages.spelled(name)}: {counted(inspection.images, 'image')}{classes}" + (formats and f" ({formats})")
    if inspection.ignored:
        yield f"{counted(inspection.ignored, 'file')} ignored, because they are not images by their names"
    if inspection.empty_classes:
        yield f"no image in {messages.named(inspection.empty_classes)}"


def _table(inspection: Inspection, kinds: Sequence[Kind]) -> text_table.NamedTable:
    table = text_table.table("found", "files", "groups", "distorts a test")
    for kind in kinds:
        findings = inspection.of_kind(kind)
        groups = str(len(findings)) if _WORDS[kind].between else ""
        distorts = "yes" if kind in DISTORTING else ""
        table.add_row(_title(kind, inspection), str(sum(map(_own_files, findings))), groups, distorts)
    return table


def _own_files(finding: Finding) -> int:
    return sum(not image.is_against for image in finding.images)


def _title(kind: Kind, inspection: Inspection) -> str:
    """What a kind is called; images of a flat folder have no label that they could share."""
    title = _WORDS[kind].title
    return title if inspection.classes else title.removesuffix(", one label")


def _section(inspection: Inspection, kind: Kind, against: str, how: Presentation) -> Iterator[str]:
    words, findings = _WORDS[kind], inspection.of_kind(kind)
    yield from _wrapped(f"{_title(kind, inspection)}: {words.advice}", how)
    shown = findings if how.verbosity > 0 else findings[:SHOWN]
    for finding in shown:
        detail = f" ({messages.printable(finding.detail)})" if finding.detail else ""
        yield from (f"  {line}" for line in _wrapped(_files(finding, words.between, against, how) + detail, how, 2))
    if len(shown) < len(findings):
        yield f"  and {len(findings) - len(shown)} more: -v lists all"


def _files(finding: Finding, between: str, against: str, how: Presentation) -> str:
    """The files of a finding; where they have several labels that their paths do not begin with, with these."""
    has_labels = len({image.label for image in finding.images if not image.is_against}) > 1
    named = [_file(image, against, has_label=has_labels) for image in _mixed(finding.images)]
    if how.verbosity > 0 or len(named) <= MEMBERS:
        return between.join(named)
    return f"{between.join(named[:MEMBERS])}{between}{len(named) - MEMBERS} more"


def _mixed(images: Sequence[ImagePlace]) -> list[ImagePlace]:
    """The first image of each label and of each set, then the second of each, and so on."""
    numbers = Counter[tuple[str | None, bool]]()
    order: list[int] = []
    for image in images:
        key = (image.label, image.is_against)
        order.append(numbers[key])
        numbers[key] += 1
    return [image for _, image in sorted(zip(order, images, strict=True), key=lambda pair: pair[0])]


def _file(image: ImagePlace, against: str, *, has_label: bool) -> str:
    path = messages.spelled(f"{against.rstrip('/')}/{image.path}" if image.is_against else image.path)
    is_in_path = not has_label or image.is_against or image.path.startswith(f"{image.label}/")
    return path if is_in_path else f"{path} [{messages.spelled(str(image.label))}]"


def _verdict(inspection: Inspection, against: str | None) -> str:
    kinds = [_WORDS[kind].title for kind in get_args(Kind) if kind in DISTORTING and inspection.count(kind)]
    if kinds:
        return f"FAIL: {'; '.join(kinds)}: a test on these images is distorted"
    labels = ["none has two labels"] if inspection.classes else []
    other = [f"none is in {messages.spelled(against)}"] if against else []
    *first, last = [*labels, *other] or [""]
    return f"ok: every file is an image{''.join(f', {each}' for each in first)}{last and f', and {last}'}"


def _wrapped(line: str, how: Presentation, indent: int = 0) -> list[str]:
    return text_table.wrapped(line, how.width - indent)
