"""imgcls.data.labels: a map gives each folder the classes that are right for it."""

from pathlib import Path
from typing import Any

import pytest

from imgcls.data import labels as label_lists
from imgcls.errors import ConfigError


def _map(folder: Path, text: str | bytes) -> dict[str, list[tuple[Any, str]]]:
    file = folder / "map.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return label_lists.label_map(file)


@pytest.mark.parametrize("column", ["wnid", "name", "index"])
def test_a_map_has_several_rows_per_folder(tmp_path: Path, column: str) -> None:
    """Every row adds an id to its folder; other columns, a byte order mark and spaces do not matter."""
    text = f"\ufefffolder,note,{column}\r\ncat,x, 1 \r\ndog,,2\r\n cat,y,3\r\n"
    assert _map(tmp_path, text) == {"cat": [(column, "1"), (column, "3")], "dog": [(column, "2")]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder,wnid,name\n", "expected the columns folder and one of wnid, name, index, found folder, wnid, name"),
        ("wnid\n", "expected the columns folder and one of wnid, name, index, found wnid"),
        ("", "expected the columns folder and one of wnid, name, index, found none"),
        ("folder,wnid\ncat,n1\ncat,\n", "line 3: folder or wnid is empty"),
        ("folder,wnid\ncat\n", "line 2: folder or wnid is empty"),
        ("folder,wnid\n ,n1\n", "line 2: folder or wnid is empty"),
        (b"folder,wnid\ncat,\xff\n", "the map file cannot be read: 'utf-8' codec"),
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
        label_lists.label_map(tmp_path / "map.csv")
