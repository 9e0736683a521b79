"""One table, read four ways."""

import json

from rich.cells import cell_len

from builders import HOSTILE
from imgcls.reporting import sheet
from imgcls.reporting.sheet import Column, Sheet

COLUMNS = (
    Column("image", lambda row: row["path"], words=True),
    Column("p", lambda row: f"{row['p']:.2f}"),
    Column("ms", lambda row: sheet.NOTHING if row["ms"] is None else f"{row['ms']}"),
)


def _sheet(*paths: str, **values: object) -> Sheet:
    rows = tuple({"path": path, "p": 0.5, "ms": None} for path in paths)
    return Sheet("net on photos", ("path", "p"), COLUMNS, rows, **values)  # type: ignore[arg-type]  # by name


def test_every_line_fits_the_terminal() -> None:
    """Long names are shortened in a way that keeps them apart, long sentences are wrapped between words."""
    text = sheet.terminal([_sheet(*(f"{'folder/' * 20}{n}.jpg" for n in range(3)), lines=("a word " * 40,))], 80)
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert len({line for line in lines if "…" in line}) == 3


def test_a_column_without_a_figure_is_left_out() -> None:
    """Neither the terminal nor Markdown has it."""
    assert " ms" not in sheet.terminal([_sheet("a")], 80)
    assert "ms" not in sheet.as_markdown([_sheet("a")])


def test_a_terminal_has_the_first_rows() -> None:
    """And is told where the others are; documents have all."""
    many = _sheet(*(f"{n}.jpg" for n in range(25)))
    text = sheet.terminal([many], 80)
    assert text.endswith("and 5 more: --csv FILE, --json FILE and --markdown FILE have all\n")
    assert "20.jpg" not in text
    assert "24.jpg" in sheet.as_markdown([many])
    assert sheet.as_csv([many]).count("\n") == 26
    assert len(json.loads(sheet.as_json({}, [many]))["rows"]) == 25


def test_a_sheet_without_rows_has_no_table() -> None:
    """Only its title and its lines."""
    assert sheet.terminal([_sheet(lines=("nothing",))], 80) == "net on photos\nnothing\n"
    assert "|" not in sheet.as_markdown([_sheet()])


def test_documents_have_the_keys_in_order() -> None:
    """Of all sheets together; columns for people are not among them."""
    both = [_sheet("a", lines=("one",)), _sheet("b")]
    assert json.loads(sheet.as_json({"format": 1}, both)) == {
        "format": 1, "rows": [{"path": "a", "p": 0.5}, {"path": "b", "p": 0.5}], "lines": ["one"],
    }  # fmt: skip
    assert sheet.as_csv(both) == "path,p\na,0.5\nb,0.5\n"
    assert sheet.as_csv([]) == "\n"


def test_no_escape_reaches_a_terminal_or_markdown() -> None:
    """Documents for programs have the name as it is."""
    hostile = [_sheet(HOSTILE)]
    for text in (sheet.terminal(hostile, 80), sheet.as_markdown(hostile)):
        assert text.replace("\n", "").isprintable()
    assert json.loads(sheet.as_json({}, hostile))["rows"][0]["path"] == HOSTILE
