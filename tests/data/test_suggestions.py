"""imgcls.data.suggestions: a map file that WordNet writes and a person reviews."""

import csv
import io
from pathlib import Path

import pytest

from imgcls.data import class_lists, label_map, labels, suggestions
from imgcls.data.suggestions import Suggester
from imgcls.errors import ConfigError, LabelError
from imgcls.records.data import LabelList

CIFAR = LabelList("cifar", ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"))
CATS = ["n02123045", "n02123159", "n02123394", "n02123597", "n02124075"]


@pytest.fixture(scope="module")
def thousand() -> Suggester:
    """Of ImageNet-1k."""
    return Suggester([class_lists.stated("imagenet-1k")])


def test_a_cat(thousand: Suggester) -> None:
    """Tabby, tiger cat, Persian, Siamese and Egyptian; what was left out and what else it may mean stands with them."""
    cat = thousand.suggest("cat")
    assert [row.value for row in cat.rows] == CATS
    assert cat.rows[0] == (
        "cat",
        "n02123045",
        "tabby, tabby cat",
        "a kind of cat (true cat); left out as wild: cougar, lynx; CHECK: it may also mean big cat (cat) n02127808",
    )
    assert {row.review for row in cat.rows[1:]} == {"a kind of cat (true cat)"}
    assert cat.sentence == (
        "5 classes of cat (true cat): tabby, tiger cat, Persian cat, Siamese cat, Egyptian cat; "
        "left out as wild: cougar, lynx; CHECK: it may also mean big cat (cat) n02127808"
    )


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("goldfish", "1 class of goldfish (Carassius auratus): goldfish"),
        ("n01443537", "1 class of goldfish (Carassius auratus): goldfish"),
        ("n01443537-gold_fish", "1 class of goldfish (Carassius auratus): goldfish"),
        ("n01443537-cat", "1 class of goldfish (Carassius auratus): goldfish; CHECK: its name is another word"),
        ("003.Goldfish", "1 class of goldfish (Carassius auratus): goldfish"),
        ("crane", "1 class of crane: crane; CHECK: it may also mean crane n02012849"),
        (
            "red_poodle",
            "3 classes of poodle (poodle dog): toy poodle, miniature poodle, standard poodle; CHECK: by its",
        ),
        ("carton_of_eggs", "nothing found"),
        ("qqq", "nothing found"),
    ],
)
def test_what_is_said_of_a_folder(thousand: Suggester, folder: str, sentence: str) -> None:
    """Ids, numbers and names are told apart; where the name is no word, its last word may be one, which is said."""
    suggested = thousand.suggest(folder)
    assert suggested.sentence.startswith(sentence)
    assert bool(suggested.rows[0].value) == (sentence != "nothing found")


def test_lists_of_names_get_names() -> None:
    """Also where WordNet does not have them; a folder of one breed has the broader class, to be checked."""
    suggester = Suggester([LabelList("own", (*CIFAR.names, "XJ-9"))])
    rows = [suggester.suggest(folder).rows[0] for folder in ("car", "poodle", "xj_9")]
    assert rows == [
        ("car", "automobile", "automobile", "the same"),
        ("poodle", "dog", "dog", "CHECK: broader than poodle (poodle dog)"),
        ("xj_9", "XJ-9", "XJ-9", "the same name"),
    ]


def test_one_file_has_one_kind_of_id() -> None:
    """A list with WordNet ids and one without cannot share a file."""
    with pytest.raises(
        LabelError, match=r"^imagenet-1k has WordNet ids and cifar has none, and a map file has one kind"
    ):
        Suggester([class_lists.stated("imagenet-1k"), CIFAR])


def test_the_file_is_a_map_that_matches(tmp_path: Path, thousand: Suggester) -> None:
    """What is written is read back: every folder meets its classes, and blanks and commas in names survive."""
    folders = ["cat", " dog", "goldfish"]
    text = suggestions.map_file([thousand.suggest(folder) for folder in folders], thousand.key)
    (tmp_path / "map.csv").write_text(text)
    how = label_map.read(tmp_path / "map.csv")
    accepted = labels.match(folders, class_lists.stated("imagenet-1k"), how).accepted
    assert {folder: len(indices) for folder, indices in accepted.items()} == {"cat": 5, " dog": 118, "goldfish": 1}
    assert next(csv.reader(io.StringIO(text))) == ["folder", "wnid", "class_name", "review"]


def test_a_folder_without_classes_must_be_filled_in(tmp_path: Path, thousand: Suggester) -> None:
    """Its row has no id, and until it has one the file is refused with the line."""
    text = suggestions.map_file([thousand.suggest("goldfish"), thousand.suggest("qqq")], "wnid")
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"map\.csv, line 3: folder or wnid is empty$"):
        label_map.read(tmp_path / "map.csv")


def test_search_finds_names_kinds_and_parts_of_names() -> None:
    """By meaning, the wild ones too, and then every other class with the word in its name."""
    results = suggestions.search("cat", class_lists.stated("imagenet-1k"))
    titles = [title for title, _ in results]
    assert titles == ["kinds of cat (true cat) n02121620", "kinds of big cat (cat) n02127808", "by name"]
    assert (results[0][1], results[1][1][0]) == ([281, 282, 283, 284, 285, 286, 287], 288)
    assert 383 in results[2][1]  # the Madagascar cat is a lemur
    assert suggestions.search("qqq", class_lists.stated("imagenet-1k")) == []
    assert suggestions.search("n02123045", class_lists.stated("imagenet-1k"))[0][1] == [281]
