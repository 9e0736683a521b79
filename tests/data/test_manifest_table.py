"""imgcls.data.manifest_table: the forms in which people have lists of images and labels."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from imgcls.data import manifest_table
from imgcls.data.manifest_forms import Fault
from imgcls.data.manifest_table import Row
from imgcls.errors import ConfigError

GUESSED = "its column 'file' is taken for the path, and 'class' for the label"


class _Table(NamedTuple):
    rows: Sequence[Row]
    faults: Sequence[Fault]
    notes: Sequence[str]


def _read(file: Path, text: str, **columns: str) -> _Table:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    table = manifest_table.read(file, columns)
    faults = [line for line in table.stated() if isinstance(line, Fault)]
    return _Table(list(table.rows()), faults, table.notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "path,label\nx/1.jpg,cat\nx/2.jpg,golden retriever\n"),
        ("bom.csv", "\ufeffpath,label\r\nx/1.jpg,cat\r\n\r\nx/2.jpg,golden retriever\r\n"),
        ("spaces.CSV", 'path, label\nx/1.jpg, cat \n"x/2.jpg", "golden retriever"\n'),
        ("a.tsv", "path\tlabel\nx/1.jpg\tcat\nx/2.jpg\tgolden retriever\n"),
        ("a.txt", "x/1.jpg cat\n\nx/2.jpg golden retriever\n"),
        ("tabs.txt", "x/1.jpg\tcat\nx/2.jpg\tgolden retriever"),
        ("table.txt", "path,label\nx/1.jpg,cat\nx/2.jpg,golden retriever\n"),
        ("a.jsonl", '{"path": "x/1.jpg", "label": "cat"}\n\n{"label": "golden retriever", "path": "x/2.jpg"}\n'),
        ("a.ndjson", '{"path": "x/1.jpg", "label": "cat"}\n{"path": "x/2.jpg", "label": "golden retriever"}'),
    ],
)
def test_every_form_states_the_same(tmp_path: Path, name: str, text: str) -> None:
    """Comma, tab, space and JSON: the same two rows, without a note, because nothing was guessed."""
    table = _read(tmp_path / name, text)
    assert [row[1:4] for row in table.rows] == [("x/1.jpg", "cat", {}), ("x/2.jpg", "golden retriever", {})]
    assert (table.faults, table.notes) == ([], [])


@pytest.mark.parametrize(
    ("name", "delimiter", "note"),
    [
        ("excel.csv", ";", ["its columns are separated by a semicolon"]),
        ("bars.csv", "|", ["its columns are separated by a bar"]),
        ("tabs.csv", "\t", ["its columns are separated by a tab"]),
        ("commas.tsv", ",", ["its columns are separated by a comma"]),
        ("usual.csv", ",", []),
        ("usual.tsv", "\t", []),
    ],
)
def test_the_header_shows_the_delimiter(tmp_path: Path, name: str, delimiter: str, note: list[str]) -> None:
    """The delimiter is the one with which the header has a path and a label; another than usual is noted."""
    text = f"Width{delimiter}Path{delimiter}ClassId\n3{delimiter}a.jpg{delimiter}4\n"
    table = _read(tmp_path / name, text)
    assert [row[1:4] for row in table.rows] == [("a.jpg", "4", {"Width": "3"})]
    assert table.notes == ["its column 'Path' is taken for the path, and 'ClassId' for the label", *note]


@pytest.mark.parametrize(
    ("header", "path", "label"),
    [
        ("Width,Height,Roi.X1,ClassId,Path", "Path", "ClassId"),
        ("file_name,label", "file_name", "label"),
        ("FileName,Class Name", "FileName", "Class Name"),
        ("image_path,target", "image_path", "target"),
        ("ImageName,category-id", "ImageName", "category-id"),
        ("path,class,file,label", "path", "label"),
    ],
)
def test_columns_are_guessed_by_their_names(tmp_path: Path, header: str, path: str, label: str) -> None:
    """Names that datasets have for the two are known in any case; those of our own manifests come first."""
    names = header.split(",")
    values = [f"{name}.jpg" if name == path else f"value of {name}" for name in names]
    table = _read(tmp_path / "a.csv", f"{header}\n{','.join(values)}\n")
    [row] = table.rows
    assert (row.path, row.label) == (f"{path}.jpg", f"value of {label}")
    assert set(row.columns) == set(names) - {path, label}
    is_ours = (path, label) == ("path", "label")
    assert table.notes == (
        [] if is_ours else [f"its column {path!r} is taken for the path, and {label!r} for the label"]
    )


def test_columns_are_those_that_are_given(tmp_path: Path) -> None:
    """Given names are taken whatever else the columns are called, without a note; each may be given by itself."""
    text = "path;label;Filename;verdict\na.jpg;cat;b.jpg;dog\n"
    table = _read(tmp_path / "a.csv", text, path="Filename", label="verdict")
    assert [row[1:4] for row in table.rows] == [("b.jpg", "dog", {"path": "a.jpg", "label": "cat"})]
    assert table.notes == ["its columns are separated by a semicolon"]
    assert _read(tmp_path / "a.csv", "img,species\na.jpg,cat\n", label="species").rows[0][1:3] == ("a.jpg", "cat")


def test_a_column_may_name_groups(tmp_path: Path) -> None:
    """The one called ``group``, or the one that is given; it stays among the columns, and without it there is none."""
    given = _read(tmp_path / "a.csv", "path,label,patient\na.jpg,cat, p 1 \n", group="patient")
    assert [(row.group, row.columns) for row in given.rows] == [("p 1", {"patient": "p 1 "})]
    assert [row.group for row in _read(tmp_path / "a.csv", "path,label,group\na.jpg,cat,7\n").rows] == ["7"]
    assert [row.group for row in _read(tmp_path / "a.csv", "path,label,Group\na.jpg,cat,7\n").rows] == [None]
    numbers = _read(tmp_path / "a.jsonl", '{"path": "a.jpg", "label": 1, "group": 12}\n')
    assert [row.group for row in numbers.rows] == ["12"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "path,label,group\na.jpg,cat,7\nb.jpg,cat, \n"),
        ("a.jsonl", '{"path": "a.jpg", "label": 1, "group": 1}\n\n{"path": "b.jpg", "label": 1}\n'),
        ("a.jsonl", '{"path": "a.jpg", "label": 1, "group": 1}\n\n{"path": "b.jpg", "label": 1, "group": null}\n'),
    ],
)
def test_an_image_without_a_group_is_a_fault_among_groups(tmp_path: Path, name: str, text: str) -> None:
    """It would count as independent of all others, which nobody stated."""
    table = _read(tmp_path / name, text)
    assert [fault.line for fault in table.faults] == [3]
    assert table.faults[0].why == (
        "expected a group in the column 'group', found none: give an image without one a name of its own"
    )


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("path,label\n", {"group": "subject"}, "there is no column 'subject'; known: path, label"),
        ("path,label,group,group\n", {}, "it has several columns 'group' among"),
        ("", {}, "no column for the path among its columns none: name the two in the dataset, as in columns = {"),
        (
            "where,what\na.jpg,cat\n",
            {},
            """'what': name the two in the dataset, as in columns = { path = "where", label = "what" }, or""",
        ),
        (
            "Category,Id\n1,a\n",
            {},
            """'Id': name the two in the dataset, as in columns = { path = "Id", label = "Category" }, or""",
        ),
        (
            "path,group\n",
            {},
            """'path', 'group': name the two in the dataset, as in columns = { path = "file", label = "class" }, or""",
        ),
        (
            "where,what,group\n",
            {},
            """'group': name the two in the dataset, as in columns = { path = "where", label = "what" }, or""",
        ),
        ("file,image,label\n", {}, "'file' and 'image' may both be the path among its columns"),
        ("path,class,category\n", {}, "'class' and 'category' may both be the label among its columns"),
        ("path,label,path\n", {}, "it has several columns 'path' among 'path', 'label', 'path'"),
        ("Path,ClassId\n", {"path": "Paht"}, "there is no column 'Paht'; did you mean 'Path'?"),
        (
            "a.jpg,cat\nb.jpg,dog\n",
            {},
            "it begins with an image, 'a.jpg', 'cat', and has no header: write the line 'path,label'",
        ),
        ("cat;a.jpg\n", {}, "it begins with an image, 'cat', 'a.jpg', and has no header: write the line 'label;path'"),
        (
            "1,a.jpg,cat\n",
            {},
            "it begins with an image, '1', 'a.jpg', 'cat', and has no header: write the line with the",
        ),
    ],
)
def test_columns_that_are_missing_or_ambiguous(
    tmp_path: Path, text: str, columns: dict[str, str], message: str
) -> None:
    """What cannot be guessed is asked for, with the columns that there are and the key to write."""
    with pytest.raises(ConfigError, match=f"{tmp_path / 'a.csv'}: .*{re.escape(message)}"):
        _read(tmp_path / "a.csv", text, **columns)


@pytest.mark.parametrize(
    ("line", "path", "label"),
    [
        ("ILSVRC2012_val_00000001.JPEG 65", "ILSVRC2012_val_00000001.JPEG", "65"),
        ("my photo.jpg   cat", "my photo.jpg", "cat"),
        ("my photo.jpg golden retriever", "my photo.jpg", "golden retriever"),
        ("without suffix cat", "without suffix", "cat"),
        ("no suffix\tgolden retriever", "no suffix", "golden retriever"),
        ("  a.png cat  ", "a.png", "cat"),
    ],
)
def test_lines_of_path_and_label(tmp_path: Path, line: str, path: str, label: str) -> None:
    """The path ends at a tab, after the first name of an image, or before the last word."""
    assert _read(tmp_path / "val.txt", f"{line}\n").rows == [(1, path, label, {}, None)]


@pytest.mark.parametrize(
    ("name", "text", "faults"),
    [
        ("a.txt", "a.jpg\nb.jpg cat\nc.jpg\n", [1, 3]),
        ("a.csv", 'path,label\n"a.jpg"x,cat\nb.jpg,cat\nc.jpg\n,cat\nd.jpg, \n', [2, 4, 5, 6]),
        ("open.csv", 'path,label\na.jpg,cat\n"b.jpg,cat\n', [3]),
        ("a.jsonl", '{"path": "a.jpg"}\n{"path": 3, "label": "cat"}\n{"path": "b.jpg", "label": 7}\n', [1, 2]),
        ("b.jsonl", '{"path": "a.jpg", "label": true}\n[1]\n{"path":\n{"path": "b.jpg", "label": "cat"}\n', [1, 2, 3]),
        ("c.jsonl", '{"path": "\\ud800.jpg", "label": 1}\n{"path": "b.jpg", "label": 0}\n{"label": null}\n', [1, 3]),
        ("deep.jsonl", '{"path": "a.jpg", "label": "cat"}\n' + "[" * 100_000, [2]),
    ],
)
def test_wrong_lines_do_not_hide_each_other(tmp_path: Path, name: str, text: str, faults: list[int]) -> None:
    """Every line that is not a row is a fault with its number, and all others are rows."""
    table = _read(tmp_path / name, text)
    assert sorted(fault.line for fault in table.faults) == faults
    assert len(table.rows) == 1
    assert all(fault.why for fault in table.faults)


@pytest.mark.parametrize("line", ["Abyssinian_1 1 1 1", "c.jpg 1 2"])
def test_several_numbers_after_a_path_are_asked_about(tmp_path: Path, line: str) -> None:
    """As in the lists of the Oxford pets: the last one is not taken for the label unasked."""
    with pytest.raises(
        ConfigError, match=f"list.txt, line 2: several numbers follow the path in '{line}', and nothing"
    ):
        _read(tmp_path / "list.txt", f"a.jpg cat\n{line}\n")


def test_numbers_and_other_values_of_json(tmp_path: Path) -> None:
    """A whole number is a label as it is written; what else an image has is kept as text."""
    text = '{"file_name": "a.png", "label": 7, "size": [3, 4], "text": "ü", "flag": false}\n'
    [row] = _read(tmp_path / "metadata.jsonl", text).rows
    assert row[1:4] == ("a.png", "7", {"size": "[3, 4]", "text": "ü", "flag": "false"})


def test_a_ground_truth_of_numbers_needs_its_images(tmp_path: Path) -> None:
    """A number per line says nothing of paths: the folder of the images is asked for."""
    with pytest.raises(ConfigError, match="a number per line and no path: set `path` to the folder of the images"):
        _read(tmp_path / "ILSVRC2012_validation_ground_truth.txt", "490\n361\n171\n")


@pytest.mark.parametrize(("encoding", "label"), [("cp1252", "Köter"), ("cp949", "개"), ("utf-16", "Köter")])
def test_other_encodings_are_named(tmp_path: Path, encoding: str, label: str) -> None:
    """A table that was not saved as UTF-8 is refused with the step to take."""
    (tmp_path / "a.csv").write_bytes(f"path,label\na.jpg,cat\nb.jpg,{label}\n".encode(encoding))
    with pytest.raises(
        ConfigError, match=r"a\.csv(, line 3)?: the manifest is (not UTF-8 .*|UTF-16): save it as UTF-8"
    ):
        manifest_table.read(tmp_path / "a.csv", {})
