"""imgcls.data.manifest_forms: each form is read line by line, as often as needed, with the numbers of its lines."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imgcls.data import manifest_forms
from imgcls.data.manifest_forms import Fault, Form, Record
from imgcls.errors import ConfigError


def _form(name: str, *lines: str) -> Form:
    return manifest_forms.of(Path(name), lines, lambda header: "path" in header)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.csv", ["path,label\n", "a.jpg,cat\n", "b.jpg\n"]),
        ("a.tsv", ["path\tlabel\n", "a.jpg\tcat\n", "b.jpg\n"]),
        ("a.txt", ["\n", "a.jpg cat\n", "b.jpg\n"]),
        ("a.jsonl", ["\n", '{"path": "a.jpg", "label": "cat"}\n', '"b.jpg"\n']),
    ],
)
def test_every_reading_begins_anew(name: str, lines: Sequence[str]) -> None:
    """The columns are known before the lines are read, and each reading has all records and faults by their lines."""
    form = _form(name, *lines)
    assert list(form.header) == ["path", "label"]
    for _ in range(2):
        record, fault = form.read()
        assert record == Record(2, {"path": "a.jpg", "label": "cat"})
        assert isinstance(fault, Fault)
        assert fault.line == 3


@pytest.mark.parametrize(("name", "line"), [("a.csv", "a.jpg,cat\n"), ("a.jsonl", '{"path": "a.jpg"}\n')])
def test_a_record_needs_no_later_line(name: str, line: str) -> None:
    """A form takes one line after the other from its file."""
    taken = 0

    class Lines:
        def __iter__(self) -> Iterator[str]:
            nonlocal taken
            for text in ("path,label\n" if name == "a.csv" else "\n", *[line] * 100):
                taken += 1
                yield text

    form = manifest_forms.of(Path(name), Lines(), lambda header: "path" in header)
    taken, records = 0, form.read()
    assert [(next(records).line, taken) for _ in range(3)] == [(2, 2), (3, 3), (4, 4)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_may_have_the_ends_of_any_system(end: str) -> None:
    """Those of Linux, Windows and old Macintoshs; a quoted field may have them in it, and its line is the last one."""
    text = end.join(["path,label", '"a.jpg","golden', 'retriever"', "b.jpg,cat", ""])
    form = _form("a.csv", *text.splitlines(keepends=True) if "\n" in end else [text])
    assert list(form.read()) == [
        Record(3, {"path": "a.jpg", "label": f"golden{end}retriever"}),
        Record(4, {"path": "b.jpg", "label": "cat"}),
    ]


def test_a_quote_that_is_never_closed_ends_with_the_longest_field() -> None:
    """It does not take the whole file: what follows the longest field of a table is read again."""
    form = _form("a.csv", "path,label\n", '"a.jpg,cat\n', *["b.jpg,cat\n"] * 20_000)
    faults = [line for line in form.read() if isinstance(line, Fault)]
    assert [fault.why for fault in faults] == ["not CSV: field larger than field limit (131072)"]


def test_the_columns_of_json_lines_are_the_keys_of_all() -> None:
    """In the order in which they come."""
    assert _form("a.ndjson", '{"x": 1}\n', "[]\n", '{"path": "a.jpg", "x": 2}\n').header == ["x", "path"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["12\n", "\n", "13\n"], "val.txt: it has a number per line and no path"),
        (["12\n", "a.jpg 1 2\n"], "val.txt, line 2: several numbers follow the path in 'a.jpg 1 2'"),
    ],
)
def test_lines_that_cannot_be_meant_are_refused_before_the_first_is_read(lines: Sequence[str], message: str) -> None:
    """As a file of other columns is."""
    with pytest.raises(ConfigError, match=message):
        _form("val.txt", *lines)
