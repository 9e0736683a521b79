"""imgcls.data.class_lists: class lists in every form that people have them in, and never in another order."""

import json
from pathlib import Path

import pytest

from imgcls.data import class_lists
from imgcls.errors import LabelError
from imgcls.records.data import LabelList

NAMES = ("cat", "red fox", "Käse")
WNIDS = ("n02121620", "n02119789", "n07850329")


def _read(folder: Path, name: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    file = folder / name
    file.write_bytes(text.encode())
    labels = class_lists.read(file)
    assert labels.source == str(file)
    return labels.names, labels.wnids


@pytest.mark.parametrize(
    "text",
    [
        "cat\nred fox\nKäse",
        "cat\nred fox\nKäse\n\n \n",
        "\ufeffcat\r\n red fox \r\nKäse\r\n",
        "0 cat\n1 red fox\n2 Käse\n",
        "2: Käse\n0: cat\n1: red fox\n",
        "0,cat\n1,red fox\n2,Käse\n",
    ],
    ids=["plain", "blank last lines", "byte order mark", "numbered", "numbered in another order", "commas"],
)
def test_text_has_a_name_per_line(tmp_path: Path, text: str) -> None:
    """Blank last lines, a byte order mark and Windows' line ends do not matter, and numbers from 0 are the order."""
    assert _read(tmp_path, "classes.txt", text) == (NAMES, None)


def test_text_may_have_wordnet_ids(tmp_path: Path) -> None:
    """As ILSVRC's synset_words.txt has them; ids without names are names as well."""
    lines = [f"{wnid} {name}" for wnid, name in zip(WNIDS, NAMES, strict=True)]
    assert _read(tmp_path, "synsets.txt", "\n".join(lines)) == (NAMES, WNIDS)
    assert _read(tmp_path, "ids.txt", "\n".join(WNIDS)) == (WNIDS, WNIDS)


@pytest.mark.parametrize("text", ["1 dollar\n5 dollar\n10 dollar", "7\n8\n9", "1 cat\n2 red fox\n3 Käse"])
def test_other_numbers_are_part_of_the_names(tmp_path: Path, text: str) -> None:
    """Only the numbers of the outputs, 0 to the last, each once, are read as such."""
    assert _read(tmp_path, "classes.txt", text) == (tuple(text.splitlines()), None)


@pytest.mark.parametrize(
    "value",
    [
        list(NAMES),
        {"0": "cat", "1": "red fox", "2": "Käse"},
        {"2": "Käse", "0": "cat", "1": "red fox"},
        {"Käse": 2, "cat": 0, "red fox": 1},
        {"model_type": "vit", "id2label": {"0": "cat", "1": "red fox", "2": "Käse"}, "label2id": {}},
        {"class_to_idx": {"cat": 0, "red fox": 1, "Käse": 2}},
        {"architecture": "resnet18", "num_classes": 3, "label_names": list(NAMES)},
        {"architecture": "resnet18", "pretrained_cfg": {"label_names": list(NAMES)}},
        [{"id": 2, "name": "Käse"}, {"id": 0, "name": "cat"}, {"id": 1, "name": "red fox"}],
    ],
    ids=["list", "numbers", "mixed order", "names", "id2label", "class_to_idx", "timm", "timm 2", "categories"],
)
def test_json_in_every_form(tmp_path: Path, value: object) -> None:
    """A list, an object in either direction, and the configurations that hold one."""
    assert _read(tmp_path, "classes.json", json.dumps(value)) == (NAMES, None)


@pytest.mark.parametrize(
    "value",
    [
        {str(index): list(pair) for index, pair in enumerate(zip(WNIDS, NAMES, strict=True))},
        {"label_names": WNIDS, "label_descriptions": dict(zip(WNIDS, NAMES, strict=True))},
        list(zip(WNIDS, NAMES, strict=True)),
    ],
    ids=["imagenet_class_index.json", "timm's descriptions", "pairs"],
)
def test_json_with_wordnet_ids(tmp_path: Path, value: object) -> None:
    """Ids stay with their names."""
    assert _read(tmp_path, "classes.json", json.dumps(value)) == (NAMES, WNIDS)


def test_numbers_may_be_names(tmp_path: Path) -> None:
    """Digits are called 0 to 9, in whichever order their outputs are."""
    assert _read(tmp_path, "a.json", '{"1": 0, "0": 1}') == (("1", "0"), None)
    assert _read(tmp_path, "a.csv", "index,name\n0,1\n1,0\n") == (("1", "0"), None)


def test_a_python_literal_is_read(tmp_path: Path) -> None:
    """ImageNet's classes are passed around as the text of a dict."""
    assert _read(tmp_path, "clsidx.txt", "{0: 'cat',\n 1: \"red fox\",\n 2: 'Käse'}\n") == (NAMES, None)


@pytest.mark.parametrize(
    "text",
    [
        "index,name\n0,cat\n1,red fox\n2,Käse\n",
        "id,label\n2,Käse\n0,cat\n1,red fox\n",
        "Label;Class\n0;cat\n1;red fox\n2;Käse\n",
        "class_name\ncat\nred fox\nKäse\n",
        "cat\nred fox\nKäse\n",
        "0,cat\n1,red fox\n2,Käse\n",
        "name,count\ncat,12\nred fox,40\nKäse,7\n",
        "ClassId\tName\n0\tcat\n1\tred fox\n2\tKäse\n",
        "\ufeffidx,class\r\n0,cat\r\n1,red fox\r\n2,Käse\r\n\r\n",
        'class,index\n"cat",0\n"red fox",1\n"Käse",2\n',
    ],
)
def test_tables_by_their_columns(tmp_path: Path, text: str) -> None:
    """A column of names, with or without one of numbers; a column of other figures is not the order."""
    assert _read(tmp_path, "classes.csv", text) == (NAMES, None)


def test_tables_with_wordnet_ids(tmp_path: Path) -> None:
    """A column whose every cell is an id holds the ids."""
    rows = "".join(f"{index},{wnid},{name}\n" for index, (wnid, name) in enumerate(zip(WNIDS, NAMES, strict=True)))
    assert _read(tmp_path, "classes.csv", f"index,wnid,name\n{rows}") == (NAMES, WNIDS)
    assert _read(tmp_path, "other.csv", rows) == (NAMES, WNIDS)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", ": the label list is empty$"),
        ("a.txt", " \n\n", ": the label list is empty$"),
        ("a.json", "[]", ": the label list is empty$"),
        ("a.txt", "cat\n\ndog\n", ", line 2: it is empty; a label list has one class name per line$"),
        ("a.json", '["cat", ""]', ": class 1 has no name$"),
        ("a.json", '["cat", 3]', ": expected a list of names, or an object from class numbers to names; found 3$"),
        ("a.json", "{cat: 1}", ": the label list is not JSON: Expecting property name"),
        ("a.json", '{"type": "vit", "size": "b"}', ": expected a list .*; found an object with the keys type, size$"),
        (
            "a.json", '{"1": "cat", "2": "dog"}',
            ": expected the numbers of the 2 outputs, 0 to 1, each once; found 1 to 2, 2 different: number the ",
        ),
        ("a.json", '{"cat": 0, "dog": 0}', ": expected the numbers of .*; found 0 to 0, 1 different: "),
        ("a.csv", "id,name\n1,cat\n3,dog\n", ": expected the numbers of the 2 outputs, .*; found 1 to 3, 2 different"),
        ("a.csv", "index,name\n0,tench, Tinca tinca\n", r", row 2: it has 3 fields, and row 1 has 2; quote a name"),
        ("a.csv", 'index,name\n0,"cat\n', ": the label list cannot be read: unexpected end of data$"),
        ("a.csv", "red,green\ncat,dog\n", r": expected a column of class names \(name, .*\), found 2 columns without"),
        ("a.csv", "id,label_id\n0,0\n", r": expected a column of class names .*, found id, label_id$"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """The message says what the file holds, and where."""
    with pytest.raises(LabelError, match=rf"{name}{message}"):
        _read(tmp_path, name, text)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """A list that is not UTF-8 is refused with the line, not read as other letters."""
    (tmp_path / "a.txt").write_bytes("cat\nKäse\n".encode("cp1252"))
    with pytest.raises(LabelError, match=r"a\.txt, line 2: the label list is not UTF-8"):
        class_lists.read(tmp_path / "a.txt")


def test_an_absent_list_names_the_words_that_there_are(tmp_path: Path) -> None:
    """Whoever misspells one of them has named a file."""
    words = "a file of class names, or one of imagenet-1k, imagenet-21k, digits, folders"
    with pytest.raises(LabelError, match=rf"imagenet1k: there is no such label list; `labels` is {words}$"):
        class_lists.read(tmp_path / "imagenet1k")


def test_the_words_of_the_configuration(tmp_path: Path) -> None:
    """ImageNet's two lists, the digits, the folders of a dataset, and any file."""
    lists = [class_lists.stated(word) for word in ("imagenet-1k", "imagenet-21k", "digits")]
    assert [len(labels.names) for labels in lists] == [1000, 21843, 10]
    assert class_lists.stated("folders") == class_lists.FOLDERS
    (tmp_path / "a.txt").write_text("cat\n")
    assert class_lists.stated(str(tmp_path / "a.txt")) == class_lists.stated(tmp_path / "a.txt")


def test_names_that_a_weights_file_holds(tmp_path: Path) -> None:
    """Names that a script saved are a list of their own; ImageNet's, by name or by WordNet id, are ImageNet's list."""
    imagenet, file = class_lists.imagenet("imagenet-1k"), tmp_path / "a.pth"
    assert imagenet.wnids is not None
    assert class_lists.saved(file, imagenet.names) is class_lists.saved(file, list(imagenet.wnids)) is imagenet
    assert class_lists.saved(file, ["cat", "dog"]) == LabelList(str(file), ("cat", "dog"))
    assert class_lists.saved(file, ["n02123045"]).wnids == ("n02123045",)


def test_names_in_the_header_of_another_file(tmp_path: Path) -> None:
    """A dict, JSON or lines, with the file as their source; ImageNet's names are ImageNet's list."""
    file, imagenet = tmp_path / "net.onnx", class_lists.imagenet("imagenet-1k")
    for text in ("{0: 'cat', 1: 'red fox', 2: 'Käse'}", json.dumps(NAMES), "cat\nred fox\nKäse\n"):
        assert class_lists.of_text(file, text) == LabelList(str(file), NAMES)
    assert class_lists.of_text(file, json.dumps(imagenet.names)) is imagenet
    with pytest.raises(LabelError, match=r"net\.onnx: the label list is empty"):
        class_lists.of_text(file, " ")
