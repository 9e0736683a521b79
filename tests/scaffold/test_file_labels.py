"""Which labels the names of files and tables state."""

from pathlib import Path

import pytest

from imgcls.errors import ConfigError
from imgcls.scaffold import file_labels

KNOWN = {"tabby", "beagle"}.__contains__


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (["Egyptian_Mau_1.jpg", "Egyptian_Mau_2.jpg", "boxer_12.jpg", "boxer_7.jpg"], ["Egyptian_Mau", "boxer"]),
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"], ["cat", "dog"]),
        (["Katze (1).JPG", "Katze (2).JPG", "Hund (1).JPG", "Hund (2).JPG"], ["Hund", "Katze"]),
        (["tabby1.png", "beagle1.png"], ["beagle", "tabby"]),
    ],
)
def test_what_stands_in_front_of_a_number_is_the_class(files: list[str], labels: list[str]) -> None:
    """As of the Oxford pets; where a class has several images, or a model knows it."""
    by_name = file_labels.of_names(files, KNOWN)
    assert by_name is not None
    assert (sorted(set(by_name.labels.values())), sorted(by_name.labels)) == (labels, sorted(files))


@pytest.mark.parametrize(
    "files", [["n01440764_1.JPEG", "n02123045_8.JPEG"], ["val_01_n01440764.JPEG", "val_02_n02123045.JPEG"]]
)
def test_a_wordnet_id_in_each_name_is_the_class(files: list[str]) -> None:
    """Wherever it stands."""
    by_name = file_labels.of_names(files, lambda name: name.startswith("n0"))
    assert by_name is not None
    assert list(by_name.labels.values()) == ["n01440764", "n02123045"]
    assert by_name.origin == "the WordNet ids in the names of the files"


@pytest.mark.parametrize(
    "files",
    [
        ["IMG_1.jpg", "IMG_2.jpg", "DSC_1.jpg", "DSC_2.jpg"],
        ["cat_1.jpg", "cat_2.jpg"],
        ["cat_1.jpg", "cat_2.jpg", "dog.jpg"],
        ["a3f9.jpg", "b77c.jpg", "c0d1.jpg"],
        ["mouse_1.jpg", "rat_1.jpg"],
    ],
)
def test_other_names_state_no_class(files: list[str]) -> None:
    """Those of cameras, of one class, without a number, and of as many classes as images that no model knows."""
    assert file_labels.of_names(files, KNOWN) is None


@pytest.mark.parametrize(
    ("table", "origin"),
    [
        ("id,breed\na,cat\nb,dog\n", "the column 'breed' of table.csv"),
        ("Image_id;sharpness;Label\na.jpg;0.5;cat\nb.jpg;0.7;dog\n", "the column 'Label' of table.csv"),
        ("a.jpg\tcat\t0\t62\nb.jpg\tdog\t4\t9\n", "column 2 of table.csv"),
        ("image_id,cat,dog\na,1,0\nb,0,1\n", "the columns of table.csv that hold 1, and 0 in all others"),
        ("file,species\nC:\\data\\a.jpg,cat\nC:\\data\\b.jpg,dog\n", "the column 'species' of table.csv"),
    ],
)  # fmt: skip
def test_a_table_may_name_the_images_in_its_own_way(
    table: str, origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without suffix or with folders of another machine; the label is what is called so, or the only words."""
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(table)
    by_table = file_labels.of_table(Path("table.csv"), ["a.jpg", "b.jpg"])
    assert by_table == ({"a.jpg": "cat", "b.jpg": "dog"}, origin)


@pytest.mark.parametrize("table", ["", "id,cat,dog\nx,0.5,0.5\n", "only\na\n", "path,label\n\xff"])
def test_a_table_of_other_things_has_no_labels(table: str, tmp_path: Path) -> None:
    """Nor has one that cannot be read."""
    (tmp_path / "table.csv").write_bytes(table.encode("latin-1"))
    assert file_labels.of_table(tmp_path / "table.csv", ["a.jpg"]) is None


def test_columns_that_may_all_be_the_label_are_named(tmp_path: Path) -> None:
    """With what to write."""
    (tmp_path / "table.csv").write_text("file,colour,shape\na.jpg,red,round\n")
    with pytest.raises(ConfigError, match=r"which of its columns is the label \('file', 'colour', 'shape'\): write a"):
        file_labels.of_table(tmp_path / "table.csv", ["a.jpg"])
