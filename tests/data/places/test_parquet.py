"""imgcls.data.places.parquet: rows are images under the names of their classes, or are named."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dataset_forms import DATA, labels, listed, parquet_of, parquet_of_rows, reasons
from imgcls.data import listing as listings
from imgcls.data.places import parquet
from imgcls.errors import ConfigError, MachineError, Undecodable

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

MEMBERS = {f"{label}/{number}.png": f"{label}{number}".encode() for label in ("cat", "dog") for number in range(5)}


def _row(data: bytes | None, label: int | None, path: str | None = None) -> dict[str, Any]:
    return {"image": {"bytes": data, "path": path}, "label": label}


def _write(file: Path, rows: list[dict[str, Any]], features: Mapping[str, Any] | None = None) -> Path:
    table = pa.Table.from_pylist(rows)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, file)
    return file


def test_rows_are_images_by_the_names_of_their_classes(tmp_path: Path) -> None:
    """As the Hub has them; in the order of rows, with the file's name, the number and the image's own name as path."""
    listing = listed(parquet_of(tmp_path / "train-0.parquet", MEMBERS))
    assert [image.label for image in listing.images] == ["cat"] * 5 + ["dog"] * 5
    assert [image.path for image in listing.images][3:6] == [
        "train-0.parquet/0000003/3.png", "train-0.parquet/0000004/4.png", "train-0.parquet/0000005/0.png",
    ]  # fmt: skip
    assert [listings.read(image) for image in listing.images] == list(MEMBERS.values())
    assert (listing.rejections, listing.ignored, listing.notes) == ((), 0, ())


def test_a_row_group_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each of its rows, before it is read; the other groups are images."""
    rows = [_row(bytes(size), 0) for size in (5000, 1, 2, 3)]
    file = parquet_of_rows(tmp_path / "a.parquet", rows, ["cat"], row_group_size=2)
    pq.write_table(pq.read_table(file), file, row_group_size=2, use_dictionary=False, compression="none")
    monkeypatch.setattr(parquet, "_MOST_BYTES", 1000)
    listing = listed(file)
    assert list(labels(listing)) == ["a.parquet/0000002", "a.parquet/0000003"]
    assert list(reasons(listing)) == ["a.parquet/0000000", "a.parquet/0000001"]
    reason, detail = reasons(listing)["a.parquet/0000000"]
    assert (reason, detail.rpartition(": ")[2]) == ("unsupported", "write the file with row_group_size=100")


@pytest.mark.parametrize(("column", "values"), [("n", [1]), ("n", ["text"]), ("n", [[b"x"]]), ("n", [{"other": b"x"}])])
def test_a_column_without_bytes_is_an_error(tmp_path: Path, column: str, values: list[Any]) -> None:
    """Also where it is named."""
    pq.write_table(pa.table({column: values, "label": ["cat"]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"a\.parquet: its column 'n' holds no bytes of images"):
        listed(tmp_path / "a.parquet", columns={"path": column})


def test_a_column_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    """None of the two is chosen."""
    arrays = [pa.array([b"x"]), pa.array(["cat"]), pa.array(["dog"])]
    pq.write_table(pa.Table.from_arrays(arrays, names=["image", "label", "label"]), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"a\.parquet has several columns 'label': write it with one"):
        listed(tmp_path / "a.parquet")


@pytest.mark.parametrize("names", ["ab", 3, {"0": "cat"}, [1, 2], None])
def test_names_that_are_no_list_of_texts_are_none(tmp_path: Path, names: Any) -> None:
    """Labels stay the numbers that they are."""
    file = _write(tmp_path / "a.parquet", [_row(b"x", 1)], {"label": {"_type": "ClassLabel", "names": names}})
    assert [image.label for image in listed(file).images] == ["1"]


def test_columns_may_have_dots_and_paths_may_be_numbers(tmp_path: Path) -> None:
    """A path that is not a text is not one."""
    pq.write_table(pa.table({"a.b": [{"bytes": b"x", "path": 7}], "label": ["cat"]}), tmp_path / "a.parquet")
    [image] = listed(tmp_path / "a.parquet").images
    assert (image.path, listings.read(image)) == ("a.parquet/0000000", b"x")


def test_a_row_group_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all of its images, in whatever order the next ones are read."""
    listing, loaded = listed(parquet_of(tmp_path / "a.parquet", MEMBERS)), list[int]()
    really_load = parquet._cells

    def load(container: str, group: int, column: str) -> Any:
        loaded.append(group)
        return really_load(container, group, column)

    monkeypatch.setattr(parquet, "_cells", load)
    monkeypatch.setattr(parquet, "_GROUPS", type(parquet._GROUPS)(3))
    for image in listing.images:
        listings.read(image)
    assert loaded == [0, 1, 2]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (_row(None, 0, "far/1.png"), "missing", "its row has no bytes, only the path far/1.png"),
        ({"image": None, "label": 0}, "missing", "its row has no bytes"),
        (_row(b"", 0), "empty", "it has 0 bytes"),
        (_row(DATA, None), "unlabelled", "its row has no label: label is null"),
        (_row(DATA, -1), "unlabelled", "its row has no label: label is -1"),
        (_row(DATA, 2), "unlabelled", "its row has the label 2, and there are 2 classes"),
    ],
    ids=["null bytes", "null image", "no bytes", "null label", "withheld label", "unknown class"],
)
def test_what_a_row_lacks_is_named(tmp_path: Path, row: Mapping[str, Any], reason: str, detail: str) -> None:
    """Bytes, a label, or a class of that number: a rejection with what there is."""
    good = {"image": {"bytes": DATA, "path": "1.png"}, "label": 1}
    listing = listed(parquet_of_rows(tmp_path / "a.parquet", [good, row], ["cat", "dog"]))
    assert labels(listing) == {"a.parquet/0000000/1.png": "dog"}
    (path,) = reasons(listing)
    assert path.startswith("a.parquet/0000001")
    assert reasons(listing)[path] == (reason, detail)


def test_columns_are_guessed_where_there_is_one(tmp_path: Path) -> None:
    """Bytes without a struct, a label called otherwise: taken with a note; the number itself is the label."""
    listing = listed(_write(tmp_path / "a.parquet", [{"img": DATA, "class": 7, "size": 3}]))
    assert labels(listing) == {"a.parquet/0000000": "7"}
    assert listings.read(listing.images[0]) == DATA
    assert listing.notes == ("its column 'img' is taken for the image, and 'class' for the label",)


def test_columns_are_given_by_the_dataset(tmp_path: Path) -> None:
    """Image, label and group, as the columns of a manifest are."""
    rows = [{"a": DATA, "b": b"other", "fine": "cat", "coarse": "pet", "patient": 7}]
    file = _write(tmp_path / "a.parquet", rows)
    (image,) = listed(file, columns={"path": "b", "label": "coarse", "group": "patient"}).images
    assert (listings.read(image), image.label, image.group) == (b"other", "pet", "7")


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        (
            {"a": DATA, "b": DATA, "label": 1},
            {},
            "'a' and 'b' may each be the image among its columns 'a', 'b', 'label'",
        ),
        ({"text": "a", "label": 1}, {}, "no column for the image among its columns 'text', 'label': name the two"),
        ({"image": DATA, "text": "a"}, {}, "no column for the label among its columns 'image', 'text'"),
        ({"image": DATA, "class": 1, "target": 2}, {}, "'class' and 'target' may each be the label"),
        ({"image": DATA, "label": 1}, {"label": "lable"}, "has no column 'lable'; did you mean 'label'?"),
    ],
)
def test_columns_that_are_not_clear_are_an_error(
    tmp_path: Path, row: dict[str, Any], columns: Mapping[str, str], message: str
) -> None:
    """It names those that there are, and the key to write."""
    file = _write(tmp_path / "a.parquet", [row])
    with pytest.raises(ConfigError) as caught:
        listed(file, columns=columns)
    assert message in str(caught.value)


def test_the_hubs_features_decide(tmp_path: Path) -> None:
    """Of several columns with bytes the one that is an Image, of several numbers the one that is a ClassLabel."""
    rows = [{"a": DATA, "b": b"mask", "coarse": 0, "fine": 1}]
    features = {"a": {"_type": "Image"}, "fine": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    listing = listed(_write(tmp_path / "a.parquet", rows, features))
    assert labels(listing) == {"a.parquet/0000000": "dog"}


def test_metadata_that_is_not_understood_is_none(tmp_path: Path) -> None:
    """Names of classes are missing then, and nothing else."""
    table = pa.Table.from_pylist([{"image": DATA, "label": 1}]).replace_schema_metadata({"huggingface": "{"})
    pq.write_table(table, tmp_path / "a.parquet")
    assert labels(listed(tmp_path / "a.parquet")) == {"a.parquet/0000000": "1"}


def test_a_file_that_is_none_is_an_error_and_one_of_several_a_rejection(tmp_path: Path) -> None:
    """Truncated, of another kind, or missing."""
    whole = parquet_of(tmp_path / "a.parquet", MEMBERS)
    (tmp_path / "b.parquet").write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=r"b\.parquet: corrupt: it cannot be read as Parquet"):
        listed(tmp_path / "b.parquet")
    assert {path: reason for path, (reason, _) in reasons(listed(tmp_path / "{a,b,c}.parquet")).items()} == {
        "b.parquet": "corrupt", "c.parquet": "missing",
    }  # fmt: skip


def test_other_files_in_its_place_are_noticed(tmp_path: Path) -> None:
    """Other bytes, fewer rows, fewer row groups, no file at all: never the bytes of another image."""
    file = parquet_of(tmp_path / "a.parquet", MEMBERS)
    images = listed(file).images
    parquet_of(file, dict(list(MEMBERS.items())[:3]))
    for image, message in ((images[3], "has only 3 rows"), (images[4], "has only 1 row groups")):
        with pytest.raises(Undecodable, match=f"^changed: .*{message}"):
            listings.read(image)
    parquet_of(file, {path: b"other" + data for path, data in MEMBERS.items()})
    with pytest.raises(Undecodable, match=r"^changed: it was listed with sha256"):
        listings.read(images[0])
    file.unlink()
    with pytest.raises(Undecodable, match=r"^missing"):
        listings.read(images[0])


def test_without_pyarrow_one_line_states_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is imported."""
    file = parquet_of(tmp_path / "a.parquet", MEMBERS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MachineError, match=r"^Parquet is read with pyarrow.*: pip install 'imgcls\[parquet\]'$"):
        listed(file)


def test_names_without_rows_are_classes(tmp_path: Path) -> None:
    """A network that was trained on these classes has numbered them."""
    rows = [_row(DATA, 1), _row(b"other", -1)]
    assert listed(parquet_of_rows(tmp_path / "a.parquet", rows, ["ant", "cat"])).empty_classes == ("ant",)


def test_numbers_of_classes_stay_numbers_on_request(tmp_path: Path) -> None:
    """With ``labels = "index"``, whatever names they have, and where two classes have one name."""
    rows = [_row(DATA, 1), _row(b"other", 2)]
    file = parquet_of_rows(tmp_path / "a.parquet", rows, ["ant", "crane", "crane"])
    with pytest.raises(ConfigError, match=r'label has several classes of one name, crane: set labels = "index"'):
        listed(file)
    assert list(labels(listed(file, labels="index")).values()) == ["1", "2"]


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """By the folders in which they differ."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        _write(tmp_path / folder / "0.parquet", [{"image": folder.encode(), "label": 1}])
    assert list(labels(listed(tmp_path / "{a,b}" / "0.parquet"))) == ["a/0.parquet/0000000", "b/0.parquet/0000000"]


@pytest.mark.parametrize("label", [[1, 2], 1.5])
def test_a_row_with_two_labels_is_named(tmp_path: Path, label: Any) -> None:
    """So is one with a label that is no class."""
    listing = listed(_write(tmp_path / "a.parquet", [{"image": DATA, "label": label}]))
    assert reasons(listing)["a.parquet/0000000"] == (
        "unlabelled",
        f"its row has the label {label!r}, not a text or a whole number",
    )


def test_damaged_pages_are_named(tmp_path: Path) -> None:
    """The images of the row group are rejections; those of the others are read."""
    members = {path: data * 999 for path, data in MEMBERS.items()}
    file = parquet_of(tmp_path / "a.parquet", members)
    start = pq.ParquetFile(file).metadata.row_group(1).column(0).data_page_offset
    with file.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"\xff" * 64)
    listing = listed(file)
    assert {reason for reason, _ in reasons(listing).values()} == {"corrupt"}
    assert len(listing.images) == len(members) - 4
