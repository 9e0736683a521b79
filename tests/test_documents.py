"""imgcls.documents: files that are whole, and one message for each that is not."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from imgcls import documents
from imgcls.errors import ConfigError


@dataclass(frozen=True)
class Figure:
    """A document of the tests."""

    value: int


def _read(file: Path) -> Figure:
    return documents.read(file, Figure, "figure", whose="a figure of ours", way="figure --json")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """As indented JSON that ends with a line break; unknown keys are somebody else's."""
    documents.write(tmp_path / "f.json", {"value": 3, "more": "ü"})
    assert (tmp_path / "f.json").read_text(encoding="utf-8") == '{\n "value": 3,\n "more": "ü"\n}\n'
    assert _read(tmp_path / "f.json") == Figure(3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "there is no figure of this name; make one with figure --json"),
        (b"{", "not a figure of ours: "),
        (b'{"value": "three"}', "not a figure of ours: Expected `int`, got `str`"),
        (b'{"value": "\xff"}', "not a figure of ours: "),
        (b"[" * 100_000, "not a figure of ours: "),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, data: bytes | None, says: str) -> None:
    """The message names the file."""
    file = tmp_path / "f.json"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        _read(file)
    assert str(refused.value).startswith(f"{file}: {says}")


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    """What the system says of it is passed on."""
    with pytest.raises(ConfigError, match="the figure cannot be read: Is a directory"):
        _read(tmp_path)


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Half a document is worse than the old one, and nothing else is left lying about."""
    file = tmp_path / "f.json"
    file.write_text("before")

    def half_way() -> None:
        with documents.whole(file) as stream:
            stream.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        half_way()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
