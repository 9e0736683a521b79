"""imgcls.data.label_map: a map gives each folder the classes that are right for it."""

from pathlib import Path
from typing import Any

import pytest

from imgcls.data import label_map
from imgcls.errors import ConfigError


def _map(folder: Path, text: str | bytes) -> dict[str, list[tuple[Any, str]]]:
    file = folder / "map.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return label_map.read(file)


@pytest.mark.parametrize("column", ["wnid", "name", "index"])
def test_a_map_has_several_rows_per_folder(tmp_path: Path, column: str) -> None:
    """Every row adds an id to its folder; other columns, a byte order mark and spaces around an id do not matter."""
    text = f"\ufefffolder,note,{column}\r\ncat,x, 1 \r\ndog,,2\r\ncat,y,3\r\n"
    assert _map(tmp_path, text) == {"cat": [(column, "1"), (column, "3")], "dog": [(column, "2")]}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_spreadsheet_may_separate_columns_otherwise(tmp_path: Path, delimiter: str) -> None:
    """A suggested map is reviewed in one, which saves it as its country does."""
    text = f"folder{delimiter}wnid{delimiter}review\ncat{delimiter}n02123045{delimiter}a, b\n"
    assert _map(tmp_path, text) == {"cat": [("wnid", "n02123045")]}


def test_blanks_of_a_folder_are_kept(tmp_path: Path) -> None:
    """A folder may begin or end with a blank, so its field is read as it is written."""
    assert set(_map(tmp_path, "folder,wnid\n cat,n1\ncat ,n2\ncat,n3\n")) == {" cat", "cat ", "cat"}


def test_a_suggested_file_is_a_map(tmp_path: Path) -> None:
    """The names and reviews that a suggestion has in further columns are for people."""
    text = 'folder,wnid,class_name,review\ncat,n02123045,"tabby, tabby cat",a kind of cat\n'
    assert _map(tmp_path, text) == {"cat": [("wnid", "n02123045")]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder,wnid,name\n", "expected the columns folder and one of wnid, name, index, found folder, wnid, name"),
        ("wnid\n", "expected the columns folder and one of wnid, name, index, found wnid"),
        ("", "expected the columns folder and one of wnid, name, index, found none"),
        ("folder,wnid\ncat,n1\ncat,\n", "line 3: folder or wnid is empty"),
        ("folder,wnid\ncat\n", "line 2: folder or wnid is empty"),
        ("folder,wnid\n ,n1\n", "line 2: folder or wnid is empty"),
        (b"folder,wnid\ncat,\xff\n", r"line 2: the map file is not UTF-8 \(byte 0xff\): save it as UTF-8"),
        ("folder,wnid\ncat," + "n" * 200_000, "the map file cannot be read: field larger than field limit"),
    ],
)
def test_a_map_with_a_hole_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    """What is not a map is refused with the file and the line."""
    with pytest.raises(ConfigError, match=rf"map\.csv(: |, ){message}"):
        _map(tmp_path, text)


def test_a_missing_map_is_refused(tmp_path: Path) -> None:
    """A map that does not exist is refused with its name."""
    with pytest.raises(ConfigError, match=r"map\.csv: the map file cannot be read: .*No such file"):
        label_map.read(tmp_path / "map.csv")
