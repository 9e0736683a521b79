"""Reads the classes of a network: ImageNet's as timm lists them, and files in the forms that people have them in."""

import ast
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any, NamedTuple

from imgcls import messages
from imgcls.data import text_files
from imgcls.data.wordnet import WNID
from imgcls.errors import LabelError
from imgcls.messages import named, one_line
from imgcls.records.data import LabelList

IMAGENET_SUBSETS = {"imagenet-1k": "imagenet-1k", "imagenet-21k": "imagenet-21k-goog"}
"""timm's name by ours of a list; the 21 843 classes are those of Google's ImageNet-21k networks."""

_WNIDS = {
    "imagenet-1k": "imagenet_synsets.txt",
    "imagenet-12k": "imagenet12k_synsets.txt",
    "imagenet-21k-goog": "imagenet21k_goog_synsets.txt",
    "imagenet-21k-miil": "imagenet21k_miil_synsets.txt",
    "imagenet-22k": "imagenet22k_synsets.txt",
    "imagenet-22k-ms": "imagenet22k_ms_synsets.txt",
}
"""timm's file of WordNet ids, by its name of the list."""

_LEMMAS = "imagenet_synset_to_lemma.txt"

IMAGENET_CLASSES = 1000

UNSTATED = LabelList("no list", ())
"""The classes of a network of which nothing states what its outputs are."""

FOLDERS = LabelList("folders", ())
"""The classes of a network whose outputs are the folders of a dataset, in sorted order."""

NUMBER_AND_NAME = re.compile(r"(\d+)\s*[:,\s]\s*(.+)")
WNID_AND_NAME = re.compile(r"(n\d{8})(?:\s*[:,\s]\s*(.+))?")

NAME_COLUMNS = ("name", "class_name", "classname", "label_name", "class", "category", "label", "description")
INDEX_COLUMNS = (
    "index", "idx", "id", "class_id", "classid", "class_index", "class_idx", "label_id", "target", "label", "class",
)  # fmt: skip


class Class(NamedTuple):
    """One class as a file states it; without a number it has the place that it stands at."""

    name: str
    number: int | None = None
    wnid: str | None = None


@cache
def imagenet(subset: str) -> LabelList:
    """One of timm's ImageNet lists: WordNet ids, and their lemmas as names; read once for all models.

    From timm's files: importing it would take seconds.
    """
    lemmas = dict(line.split("\t") for line in _timms(_LEMMAS))
    wnids = tuple(_timms(_WNIDS[subset]))
    return LabelList(subset, tuple(lemmas[wnid] for wnid in wnids), wnids)


def _timms(name: str) -> list[str]:
    """The lines of a file of timm's."""
    package = util.find_spec("timm")
    folder = Path(str(package.origin if package else "")).parent
    return (folder / "data" / "_info" / name).read_text("utf-8").splitlines()


def stated(labels: Path | str) -> LabelList:
    """The list that ``labels`` of a model names: a word of the configuration, or a file. Raises LabelError."""
    if labels in IMAGENET_SUBSETS:
        return imagenet(IMAGENET_SUBSETS[str(labels)])
    if labels == "digits":
        from imgcls.data.digits import NAMES

        return LabelList("digits", NAMES)
    return FOLDERS if labels == "folders" else read(Path(labels))


def saved(file: Path, names: Sequence[str]) -> LabelList:
    """The classes that a file of weights holds; ImageNet's own where they are these, by name or by WordNet id."""
    known = imagenet("imagenet-1k")
    if tuple(names) in {known.names, known.wnids}:
        return known
    return LabelList(str(file), tuple(names), tuple(names) if all(map(WNID.fullmatch, names)) else None)


def read(file: Path) -> LabelList:
    """The classes of a file, in the order of the outputs.

    Text has one name per line, also after its number or WordNet id. JSON is a list, an object from numbers to names,
    from names to numbers or from numbers to ``[wnid, name]``, or a configuration with ``id2label`` or ``label_names``.
    ``.csv`` and ``.tsv`` have a column of names, and may have columns of numbers and of WordNet ids.

    Raises LabelError, which says what the file holds instead.
    """
    if not file.exists():
        words = ", ".join([*IMAGENET_SUBSETS, "digits", "folders"])
        raise LabelError(f"{file}: there is no such label list; `labels` is a file of class names, or one of {words}")
    text = text_files.read(file, "label list", LabelError)
    if not text.strip():
        raise LabelError(f"{file}: the label list is empty")
    if file.suffix.lower() in {".csv", ".tsv"}:
        classes = _of_table(file, *_table(file, text))
    elif file.suffix.lower() == ".json" or text.lstrip()[0] in "[{":
        classes = _of_value(file, _parsed(file, text))
    else:
        classes = _of_lines(file, text)
    if not classes:
        raise LabelError(f"{file}: the label list is empty")
    return _in_order(file, classes)


def of_text(file: Path, text: str) -> LabelList:
    """The classes of a text in another file's header, in the order of the outputs. Raises LabelError."""
    if not text.strip():
        raise LabelError(f"{file}: the label list is empty")
    is_value = text.lstrip()[0] in "[{("
    classes = _of_value(file, _parsed(file, text)) if is_value else _of_lines(file, text)
    ordered = _in_order(file, classes)
    is_like_imagenet = len(classes) == IMAGENET_CLASSES  # only then is it worth the import of timm
    return saved(file, ordered.wnids or ordered.names) if is_like_imagenet else ordered


def _in_order(file: Path, classes: Sequence[Class]) -> LabelList:
    """Raises LabelError where a name is empty, or numbers are not those of the outputs."""
    for place, one in enumerate(classes):
        if not one.name.strip():
            raise LabelError(f"{file}: class {place if one.number is None else one.number} has no name")
    numbers = [one.number for one in classes if one.number is not None]
    if numbers and sorted(numbers) != list(range(len(classes))):
        raise LabelError(
            f"{file}: expected the numbers of the {messages.counted(len(classes), 'output')}, "
            f"0 to {len(classes) - 1}, each once; "
            f"found {min(numbers)} to {max(numbers)}, {len(set(numbers))} different: "
            "number the classes from 0 as the network does, or write one name per line in the order of its outputs"
        )
    ordered = sorted(classes, key=lambda one: one.number or 0)
    wnids = tuple(one.wnid for one in ordered if one.wnid)
    return LabelList(
        str(file), tuple(one.name.strip() for one in ordered), wnids if len(wnids) == len(ordered) else None
    )


# Text.


def _of_lines(file: Path, text: str) -> list[Class]:
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if "" in lines:
        place = lines.index("") + 1
        raise LabelError(f"{file}, line {place}: it is empty; a label list has one class name per line")
    if all(with_ids := [WNID_AND_NAME.fullmatch(line) for line in lines]):
        return [Class(match[2] or match[1], wnid=match[1]) for match in with_ids if match]
    matches = [match for match in map(NUMBER_AND_NAME.fullmatch, lines) if match]
    if sorted(int(match[1]) for match in matches) == list(range(len(lines))):
        return [Class(match[2], int(match[1])) for match in matches]
    return [Class(line) for line in lines]


# JSON.


def _parsed(file: Path, text: str) -> Any:
    """JSON, or the Python literal that lists of ImageNet's classes are often copied as."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise LabelError(f"{file}: the label list is not JSON: {one_line(error)}") from error


def _of_value(file: Path, value: Any) -> list[Class]:
    if isinstance(value, list):
        return _of_items(file, value)
    if isinstance(value, dict):
        for key in ("id2label", "label2id", "class_to_idx"):
            if value.get(key):
                return _of_value(file, value[key])
        for config in (value, value.get("pretrained_cfg")):
            if isinstance(config, dict) and config.get("label_names"):
                return _of_timm(config)
        if value and all(_is_number(item) for item in value.values()):
            return [Class(str(key), int(item)) for key, item in value.items()]
        if value and all(_is_number(key) for key in value):
            return [_of_item(file, item, int(key)) for key, item in value.items()]
    raise _unknown(file, value)


def _of_items(file: Path, items: Sequence[Any]) -> list[Class]:
    if items and all(isinstance(item, dict) for item in items):
        columns = list(items[0])
        return _of_table(file, columns, [[str(item.get(column, "")) for column in columns] for item in items])
    return [_of_item(file, item) for item in items]


def _of_item(file: Path, item: Any, index: int | None = None) -> Class:
    """A name, or the pair of WordNet id and name of Keras's ``imagenet_class_index.json``."""
    if isinstance(item, str):
        return Class(item, index, item if WNID.fullmatch(item) else None)
    if isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return Class(item[1], index, item[0] if WNID.fullmatch(item[0]) else None)
    raise _unknown(file, item)


def _of_timm(config: Mapping[str, Any]) -> list[Class]:
    """The label names of timm's ``config.json``, which may be WordNet ids with descriptions."""
    descriptions = config.get("label_descriptions") or {}
    return [
        Class(str(descriptions.get(name, name)), wnid=name if WNID.fullmatch(name) else None)
        for name in map(str, config["label_names"])
    ]


def _unknown(file: Path, value: Any) -> LabelError:
    holds = f"an object with the keys {named(list(map(str, value)), 3)}" if isinstance(value, dict) else repr(value)
    return LabelError(
        f"{file}: expected a list of names, or an object from class numbers to names; found {holds[:120]}"
    )


# Tables.


def _table(file: Path, text: str) -> tuple[list[str], list[list[str]]]:
    """The columns of a table and its rows; columns without a header have no names."""
    delimiter = max("\t,;", key=text.splitlines()[0].count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise LabelError(f"{file}: the label list cannot be read: {error}") from error
    header = [cell.strip().lower() for cell in rows[0]]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            fields = f"{len(row)} fields, and row 1 has {len(header)}"
            raise LabelError(f"{file}, row {number}: it has {fields}; quote a name with a {delimiter!r}")
    if not {*NAME_COLUMNS, *INDEX_COLUMNS, "wnid", "synset"} & set(header):
        return [""] * len(header), rows
    return header, rows[1:]


def _of_table(file: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Class]:
    """The classes of rows, by the names of the columns and what is in them."""
    cells = [[row[at].strip() for row in rows] for at in range(len(columns))]
    wnid = next((at for at, column in enumerate(cells) if all(map(WNID.fullmatch, column))), None)
    numeric = [at for at, column in enumerate(cells) if all(map(_is_number, column))]
    texts = [at for at in range(len(columns)) if at not in numeric and at != wnid]
    likely = _by_name(columns, NAME_COLUMNS, texts or numeric) or (texts if len(texts) == 1 else [])
    name = likely[0] if likely else wnid
    index = next(iter(_by_name(columns, (*INDEX_COLUMNS, ""), [at for at in numeric if at != name])), None)
    if name is None:
        listed = ", ".join(filter(None, columns)) or f"{len(columns)} columns without names"
        raise LabelError(f"{file}: expected a column of class names ({', '.join(NAME_COLUMNS)}), found {listed}")
    return [
        Class(
            cells[name][row],
            None if index is None else int(cells[index][row]),
            None if wnid is None else cells[wnid][row],
        )
        for row in range(len(rows))
    ]


def _by_name(columns: Sequence[str], known: Sequence[str], among: Sequence[int]) -> list[int]:
    """The columns of these names, the likeliest first."""
    return [at for name in known for at in among if columns[at].lower() == name]


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and bool(re.fullmatch(r"\d+", str(value), re.ASCII))
