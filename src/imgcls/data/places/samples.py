"""Members of an archive that are samples as WebDataset has them: files of one name up to its first dot.

``.cls`` is a class as text, ``.json`` an object with a field for it. Source: the WebDataset format of the Hugging Face
Hub's documentation, and webdataset's ``base_plus_ext``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from imgcls import messages
from imgcls.data import manifest_table, suffixes
from imgcls.data.places import base
from imgcls.data.places.base import Candidate, Contents
from imgcls.data.places.folders import Entry
from imgcls.errors import Undecodable
from imgcls.records.data import Member

Read = Callable[[Member], bytes]

_CLASS, _OBJECT = "cls", "json"


class _Label(NamedTuple):
    """The class that a sample states, or why there is none."""

    text: str | None = None
    group: str | None = None
    fault: Undecodable | None = None


def are_in(entries: Iterable[Entry]) -> bool:
    """Whether there is a class next to an image: a ``.cls``, or a ``.json`` of an image's name. Iterates twice."""
    objects = set[str]()
    for entry in entries:
        key, field = _key(entry)
        if field == _CLASS:
            return True
        if field == _OBJECT:
            objects.add(key)
    return bool(objects) and any(_is_image(entry) and _key(entry)[0] in objects for entry in entries)


def contents(entries: Sequence[Entry], prefix: str, columns: Mapping[str, str], read: Read) -> Contents:
    """The images of all samples; a sample without an image, or without one class, is a candidate with a fault."""
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(_key(entry)[0], []).append(entry)
    candidates, ignored = list[Candidate](), list[PurePosixPath]()
    for key, fields in by_key.items():
        images = [entry for entry in fields if _is_image(entry)]
        labels = [entry for entry in fields if is_label(entry)]
        ignored += [PurePosixPath(e.member.name) for e in fields if e not in images and e not in labels]
        if images:
            label = _label(labels, columns, read)
            candidates += [_candidate(image, label, prefix) for image in images]
        elif labels:
            fault = Undecodable("missing", "the sample has a label and no image")
            candidates.append(Candidate(prefix + key, labels[0].member, None, fault))
    other = [path for path in ignored if suffixes.has_image_suffix(path) and not suffixes.is_hidden(path)]
    named = messages.named([base.shown(path) for path in other])
    notes = (f"fields of samples that are not called like the image itself were ignored: {named}",) if other else ()
    return Contents(candidates, suffixes.by_suffix(ignored), notes)


def is_label(entry: Entry) -> bool:
    """Whether its name is that of a field that states the class of a sample."""
    return _key(entry)[1] in {_CLASS, _OBJECT}


def _key(entry: Entry) -> tuple[str, str]:
    """The name of the sample, and that of the field in it."""
    folder, slash, name = entry.member.name.removeprefix("./").rpartition("/")
    stem, _, field = name.partition(".")
    return f"{folder}{slash}{stem}", field.lower()


def _is_image(entry: Entry) -> bool:
    return entry.is_image and suffixes.has_image_suffix(f"x.{_key(entry)[1]}") and "." not in _key(entry)[1]


def _candidate(entry: Entry, label: _Label, prefix: str) -> Candidate:
    try:
        path = base.member_path(entry.member.name)
    except Undecodable as outside:
        return Candidate(prefix + entry.member.name, entry.member, None, outside)
    fault = entry.fault or label.fault
    return Candidate(prefix + base.shown(path), entry.member, label.text, fault, group=label.group, sha256=entry.sha256)


def _label(entries: Sequence[Entry], columns: Mapping[str, str], read: Read) -> _Label:
    """The one class of a sample. A field that ``columns`` names decides; otherwise all that state one must agree."""
    stated, group, seen = dict[str, str](), None, list[str]()
    try:
        for entry in entries:
            field = _key(entry)[1]
            if entry.fault:
                raise entry.fault
            data = read(entry.member) if entry.label is None else entry.label
            if field == _OBJECT:
                sample = _object(entry, data)
                seen += sample
                group = _text(sample.get(columns.get("group", "group"))) or group
                text = _text(sample.get(_field(sample, columns)))
            else:
                text = None if "label" in columns else _decoded(entry, data).strip()
            if text:
                stated.setdefault(text, entry.member.name)
    except Undecodable as fault:
        return _Label(fault=Undecodable("unlabelled", f"its label cannot be read: {fault.detail}"))
    if len(stated) > 1:
        both = " and ".join(f"{text!r} in {name}" for text, name in stated.items())
        return _Label(fault=Undecodable("unlabelled", f"its sample has {len(stated)} labels: {both}"))
    if not stated:
        fields = f", only the fields {messages.named(seen)}" if seen else ""
        return _Label(fault=Undecodable("unlabelled", f"its sample has no label{fields}"))
    return _Label(next(iter(stated)), group)


def _field(sample: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    """The name of the field that holds the class; an empty one where there is none, or none is the only one."""
    if "label" in columns or "label" in sample:
        return columns.get("label", "label")
    like_it = [name for name in sample if manifest_table.is_called_like(name, "label")]
    return like_it[0] if len(like_it) == 1 else ""


def _object(entry: Entry, data: bytes) -> dict[str, Any]:
    try:
        sample = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Undecodable("corrupt", f"{entry.member.name} is not JSON: {messages.one_line(error)}") from error
    if not isinstance(sample, dict):
        raise Undecodable("corrupt", f"{entry.member.name} is not a JSON object")
    return sample


def _decoded(entry: Entry, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Undecodable("corrupt", f"{entry.member.name} is not UTF-8") from error


def _text(value: Any) -> str | None:
    """A text or a whole number as text; None for anything else."""
    is_label = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() or None if is_label else None
