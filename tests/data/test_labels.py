"""imgcls.data.labels: a folder means the classes it names, and never a position in a listing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from imgcls.data import class_lists, label_map
from imgcls.data import labels as label_lists
from imgcls.errors import LabelError
from imgcls.records.config import ModelSpec
from imgcls.records.data import LabelList, Matching

BIRDS = LabelList(
    "birds",
    ("cock", "Great_Grey owl, great gray owl, Strix nebulosa", "crane", "crane", "man-of-war  bird, frigate bird"),
    ("n01514668", "n01622779", "n02012849", "n03126707", "n02056570"),
)
OWN = LabelList("classes.txt", ("b", "a", "n01514668", "7"))


@pytest.fixture(scope="module")
def imagenet_1k() -> LabelList:
    """The thousand classes."""
    return class_lists.imagenet("imagenet-1k")


@pytest.fixture(scope="module")
def imagenet_21k() -> LabelList:
    """The 21,843 classes of Google's networks."""
    return class_lists.imagenet("imagenet-21k-goog")


def _index(folder: str, of: LabelList, how: label_lists.How | label_map.LabelMap = "auto") -> set[int]:
    return set(label_lists.match([folder], of, how).accepted[folder])


# By WordNet id, by name, by number.


@pytest.mark.parametrize("how", ["auto", "wnid"])
def test_a_wordnet_id_is_its_class(how: label_lists.How) -> None:
    """A folder named by a WordNet id is that class, also where its name is ambiguous."""
    assert [_index(wnid, BIRDS, how) for wnid in ("n02012849", "n03126707")] == [{2}, {3}]


@pytest.mark.parametrize("how", ["auto", "name"])
@pytest.mark.parametrize(
    "folder",
    [
        "great grey owl",
        "Great_Grey_Owl",
        "GREAT-GREY  OWL",
        "great_gray_owl",
        "strix nebulosa",
        "Great_Grey owl, great gray owl, Strix nebulosa",
    ],
)
def test_a_name_or_any_lemma_is_its_class(folder: str, how: label_lists.How) -> None:
    """The whole name and each of its lemmas find the class; case, ``_``, ``-`` and spaces are alike."""
    assert _index(folder, BIRDS, how) == {1}


def test_names_in_the_list_are_normalised_too() -> None:
    """A hyphen and a double space in the list's own name are no obstacle."""
    assert _index("Man of War_bird", BIRDS) == {4}


def test_a_dot_at_the_end_of_a_folder_is_no_part_of_its_name() -> None:
    """Windows drops it, and other systems do not."""
    assert _index("Strix nebulosa.", BIRDS) == {1}


def test_folders_are_never_numbered_by_position() -> None:
    """Folders ``a`` and ``b`` on a network whose outputs are ``b`` and ``a`` are its classes 1 and 0."""
    assert label_lists.match(["a", "b"], LabelList("own", ("b", "a")), "auto") == Matching(
        {"a": frozenset({1}), "b": frozenset({0})}
    )


def test_a_list_of_wordnet_ids_needs_no_other_names() -> None:
    """Where the ids are the names, as in a file of them, ``auto`` finds them there."""
    assert _index("n01514668", OWN) == {2}


def test_a_number_is_a_class_number_only_on_request() -> None:
    """With ``index`` folder 7 is output 7; with ``auto`` it is the class that is called 7."""
    ten = LabelList("ten", tuple("9876543210"))
    assert (_index("7", ten, "index"), _index("7", ten, "auto")) == ({7}, {2})


@pytest.mark.parametrize("how", ["auto", "name"])
def test_a_number_that_is_not_a_name_is_refused_with_the_way_out(how: label_lists.How) -> None:
    """A bare number that the list does not have as a name is refused, and the message names ``index``."""
    with pytest.raises(LabelError) as error:
        label_lists.match(["3", "2"], BIRDS, how, "`imgcls labels suggest` would find nothing")
    assert str(error.value) == (
        "2 of 2 folders do not match birds: '2' is not a class of birds; '3' is not a class of birds; "
        'where numbers are those of classes, set labels = "index" of the dataset'
    )


@pytest.mark.parametrize("folder", ["5", "-1", "cock", "1.0", "²", ""])
def test_an_index_that_the_head_lacks_is_refused(folder: str) -> None:
    """With ``index`` anything but a class number is refused with the range of numbers."""
    with pytest.raises(LabelError, match=rf"'{folder}' is not a class of birds: its numbers go from 0 to 4$"):
        label_lists.match([folder], BIRDS, "index")


def test_wnid_takes_no_names_and_name_no_wordnet_ids() -> None:
    """What is requested explicitly is the only thing that is looked up."""
    with pytest.raises(LabelError, match="'cock' is not a class of birds"):
        label_lists.match(["cock"], BIRDS, "wnid")
    with pytest.raises(LabelError, match="'n01514668' is not a class of birds"):
        label_lists.match(["n01514668"], BIRDS, "name")


# By an id or a number, and a name.


@pytest.mark.parametrize("how", ["auto", "wnid", "name"])
@pytest.mark.parametrize(
    "folder", ["n02012849-crane", "n02012849_crane", "n03126707.Crane", "n01514668 cock", "n02056570-frigate-bird"]
)
def test_an_id_and_a_name_are_one_class(folder: str, how: label_lists.How) -> None:
    """As the folders of Stanford Dogs are called; the id distinguishes what the name does not."""
    if how == "name" and "rane" in folder:
        with pytest.raises(LabelError, match="may be 2 n02012849 crane or 3 n03126707 crane"):
            _index(folder, BIRDS, how)
    else:
        assert BIRDS.wnids
        assert _index(folder, BIRDS, how) == {BIRDS.wnids.index(folder[:9])}


def test_an_id_with_a_name_of_its_own_is_the_id() -> None:
    """A name that the list does not have contradicts nothing; a list without ids goes by the name."""
    assert _index("n01514668-rooster", BIRDS) == {0}
    assert _index("n02085620-a", OWN) == {1}


@pytest.mark.parametrize(
    ("folder", "index"),
    [("000_cock", 0), ("0-Cock", 0), ("001.Cock", 0), ("2_great grey owl", 1), ("1-strix_nebulosa", 1), ("4.crane", 3)],
)
def test_a_number_and_a_name_that_agree(folder: str, index: int) -> None:
    """Numbered from 0 or from 1, the number confirms the name, and tells apart two classes of one name."""
    assert _index(folder, BIRDS) == {index}


def test_a_number_that_does_not_tell_two_classes_apart() -> None:
    """Crane number 3 is the last one counted from 0, and the first one counted from 1."""
    with pytest.raises(LabelError, match="'3-crane' may be 2 n02012849 crane or 3 n03126707 crane"):
        _index("3-crane", BIRDS)


def test_a_name_that_only_looks_numbered_is_the_name() -> None:
    """Where the list has the whole of it, that is the class."""
    assert _index("7-eleven", LabelList("shops", ("aldi", "7-Eleven"))) == {1}
    assert _index("001.Cock", LabelList("cub", ("002.Owl", "001.Cock"))) == {1}


def test_numbers_decide_on_request() -> None:
    """With ``index`` the number is the class, whatever the list calls it, unless it calls another class so."""
    numbers = LabelList("numbers", ("first", "second"))
    assert _index("1-cat", numbers, "index") == {1}
    assert _index("001_second", numbers, "index") == {1}
    with pytest.raises(LabelError, match="'001_first' contradicts itself: 001 is 1 second, and 'first' is 0 first; "):
        _index("001_first", numbers, "index")


@pytest.mark.parametrize(
    ("folder", "how", "why"),
    [
        (
            "n02012849-cock",
            "auto",
            "n02012849 is 2 n02012849 crane, and 'cock' is 0 n01514668 cock; rename it, or set ",
        ),
        (
            "n02012849-cock",
            "wnid",
            "n02012849 is 2 n02012849 crane, and 'cock' is 0 n01514668 cock; rename it, or set ",
        ),
        (
            "n04399382-cock",
            "auto",
            "n04399382 is not a class of it, and 'cock' is 0 n01514668 cock; rename it, or set ",
        ),
        (
            "12-cock",
            "auto",
            "12 is not the number of a class, and 'cock' is 0 n01514668 cock; rename it, or set labels ",
        ),
        (
            "3-cock",
            "auto",
            "3 is 3 n03126707 crane, and 'cock' is 0 n01514668 cock; rename it, or set labels = \"name\"",
        ),
        (
            "3-cock",
            "index",
            "3 is 3 n03126707 crane, and 'cock' is 0 n01514668 cock; rename it, or set labels = \"name\"",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(folder: str, how: label_lists.How, why: str) -> None:
    """An id or a number of one class with the name of another is never guessed; going by the name is possible."""
    with pytest.raises(LabelError, match=f"'{folder}' contradicts itself: {why}"):
        _index(folder, BIRDS, how)
    assert _index(folder, BIRDS, "name") == {0}


def test_a_number_with_an_unknown_name_is_refused() -> None:
    """The number is not taken for the class unasked."""
    with pytest.raises(LabelError, match=r"'000_Abyssinian' is not a class of birds; no class .*; where numbers are"):
        _index("000_Abyssinian", BIRDS)


def test_unicode_is_compared_composed() -> None:
    """A Mac's folder names have letters of two code points, and files have them of one, in any case."""
    labels = LabelList("own", ("Straße", "KÄSE"))
    assert (_index("ka\u0308se", labels), _index("STRASSE", labels)) == ({1}, {0})
    how: label_map.LabelMap = {"Ka\u0308se": [("index", "1")]}
    assert label_lists.match(["Käse"], labels, how).accepted == {"Käse": {1}}


# Refusals.


def test_an_unmatched_folder_names_the_nearest() -> None:
    """A misspelt name is refused with the names that are most like it."""
    with pytest.raises(
        LabelError, match=r"^1 of 2 folders does not match birds: 'crame' is not a class of birds; .*crane$"
    ):
        label_lists.match(["crame", "cock"], BIRDS, "auto")


def test_a_word_names_its_kinds(imagenet_1k: LabelList) -> None:
    """A word that WordNet has is no misspelling: what is named are the kinds of it, and the way that is given."""
    with pytest.raises(
        LabelError,
        match=r"^1 of 1 folder does not match imagenet-1k: 'cat' is not a class of imagenet-1k; "
        r"tabby, tiger cat, Persian cat and 2 more are kinds of 'cat'; write a map$",
    ):
        label_lists.match(["cat"], imagenet_1k, "auto", "write a map")
    with pytest.raises(LabelError, match=r"'horses' is not a class of imagenet-1k; sorrel is a kind of 'horses'$"):
        label_lists.match(["horses"], imagenet_1k, "auto")
    with pytest.raises(LabelError, match=r"'deer' is not a class of imagenet-1k; no class is a kind of 'deer'$"):
        label_lists.match(["deer"], imagenet_1k, "auto")


def test_a_misspelling_names_the_nearest(imagenet_1k: LabelList) -> None:
    """What is no word resembles some."""
    with pytest.raises(LabelError, match="'goldfsh' is not a class of imagenet-1k; nearest: goldfish, "):
        label_lists.match(["goldfsh"], imagenet_1k, "auto")


def test_an_unmatched_wordnet_id_names_the_nearest_ids() -> None:
    """A mistyped WordNet id is refused with ids, not with names."""
    with pytest.raises(LabelError, match="'n01514669' is not a class of birds; nearest: n01514668"):
        label_lists.match(["n01514669"], BIRDS, "auto")


def test_a_folder_that_resembles_no_name() -> None:
    """Without anything near, no guess is offered."""
    with pytest.raises(LabelError, match="'zzz' is not a class of birds; no name in it resembles this one"):
        label_lists.match(["zzz"], BIRDS, "auto")


def test_all_of_five_problems_are_shown() -> None:
    """Up to five folders are listed one by one."""
    with pytest.raises(
        LabelError, match=r"^5 of 5 folders do not match birds: ('q\d' is not a class [^;]*; [^;]*(; |$)){5}$"
    ):
        label_lists.match([f"q{number}" for number in range(5)], BIRDS, "auto")


def test_more_than_five_problems_are_abridged() -> None:
    """Beyond five the rest is a count, however many there are."""
    with pytest.raises(LabelError, match=r"^7 of 8 folders do not match birds: 'q0' .*'q4' [^']*; and 2 more$"):
        label_lists.match([f"q{number}" for number in range(7)] + ["cock"], BIRDS, "auto")


def test_the_nearest_are_only_sought_for_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset whose every folder is wrong costs five searches through the list, not one per folder."""
    sought: list[str] = []

    def nearest(_: label_lists.Lookup, value: str) -> str:
        sought.append(value)
        return "nearest: none"

    monkeypatch.setattr(label_lists.Lookup, "nearest", nearest)
    with pytest.raises(LabelError, match=r"^1000 of 1000 folders .*; and 995 more$"):
        label_lists.match([f"q{number:03}" for number in range(1000)], BIRDS, "auto")
    assert sought == ["q000", "q001", "q002", "q003", "q004"]


def test_an_ambiguous_name_is_refused_with_its_classes() -> None:
    """A word that two classes have names both, by number, id and name, and what to do."""
    with pytest.raises(
        LabelError, match=r"'Crane' may be 2 n02012849 crane or 3 n03126707 crane: name the folder by its WordNet id"
    ):
        label_lists.match(["Crane"], BIRDS, "auto")


@pytest.mark.parametrize(
    ("word", "candidates", "ids"),
    [
        ("crane", "134 n02012849 crane or 517 n03126707 crane", {134: "n02012849", 517: "n03126707"}),
        (
            "maillot",
            "638 n03710637 maillot or 639 n03710721 maillot, tank suit",
            {638: "n03710637", 639: "n03710721"},
        ),
    ],
)
def test_imagenets_own_ambiguous_names(imagenet_1k: LabelList, word: str, candidates: str, ids: dict[int, str]) -> None:
    """The words that ImageNet-1k has twice are refused as folder names, and their ids are not."""
    with pytest.raises(LabelError, match=f"'{word}' may be {candidates}: "):
        label_lists.match([word], imagenet_1k, "auto")
    assert label_lists.match(ids.values(), imagenet_1k, "auto").accepted == {wnid: {i} for i, wnid in ids.items()}


def test_a_larger_list_has_more_ambiguous_names(imagenet_1k: LabelList, imagenet_21k: LabelList) -> None:
    """A plain word may mean one thing for ImageNet-1k and several for ImageNet-21k: a boat is also a gravy boat."""
    with pytest.raises(LabelError, match="'boat' is not a class of imagenet-1k"):
        label_lists.match(["boat"], imagenet_1k, "auto")
    with pytest.raises(LabelError, match=r"'boat' may be \d+ n02858304 boat or \d+ n03456024 gravy boat"):
        label_lists.match(["boat"], imagenet_21k, "auto")


# Maps.


def _map(**ids: list[str]) -> dict[str, list[tuple[label_map.Key, str]]]:
    return {folder: [("wnid", value) for value in values] for folder, values in ids.items()}


def test_every_id_of_a_map_is_right() -> None:
    """Several rows per folder mean that any of them is right; folders of the map that are not there do not matter."""
    how = _map(bird=["n02012849", "n01514668"], owl=["n01622779"], absent=["n00000000"])
    assert label_lists.match(["owl", "bird"], BIRDS, how) == Matching(
        {"bird": frozenset({0, 2}), "owl": frozenset({1})}
    )


def test_a_map_may_name_by_name_and_by_index() -> None:
    """The column of the map file determines how its values are read."""
    how: Mapping[str, list[tuple[label_map.Key, str]]] = {"x": [("name", "Cock")], "y": [("index", "3")]}
    assert label_lists.match(["x", "y"], BIRDS, how).accepted == {"x": {0}, "y": {3}}


def test_ids_that_the_head_lacks_are_ignored_and_counted() -> None:
    """A map made for two heads works with either, as long as one id of each folder remains."""
    how = _map(bird=["n02012849", "n99999999"], owl=["n99999998", "n01622779", "n99999997"])
    assert label_lists.match(["bird", "owl"], BIRDS, how) == Matching(
        {"bird": frozenset({2}), "owl": frozenset({1})}, 3
    )


def test_a_folder_of_which_no_id_remains_is_refused() -> None:
    """Where the head has none of a folder's ids, the folder and the ids are named."""
    how = _map(bird=["n02012849"], fish=["n99999999", "n99999998"])
    with pytest.raises(LabelError, match=r"none of the 2 ids of 'fish' is a class of birds: n99999999, n99999998$"):
        label_lists.match(["bird", "fish"], BIRDS, how)


def test_blanks_around_a_folder_can_be_mapped() -> None:
    """A row with blanks is for the folder that has them; where there is none, they are a person's spacing."""
    how: label_map.LabelMap
    how = {" cat": [("index", "0")], "cat ": [("index", "1")], "cat": [("index", "2")], " dog ": [("index", "3")]}
    assert label_lists.match([" cat", "cat ", "cat", "dog"], BIRDS, how).accepted == {
        " cat": {0}, "cat ": {1}, "cat": {2}, "dog": {3},
    }  # fmt: skip


def test_a_folder_that_the_map_leaves_out_is_refused() -> None:
    """A folder without a row is not guessed by its name, even where its name is a class."""
    with pytest.raises(LabelError, match="'cock' is not in the map file"):
        label_lists.match(["cock", "bird"], BIRDS, _map(bird=["n02012849"]))


def test_an_ambiguous_name_in_a_map_names_its_folder() -> None:
    """The error about a value of the map file names its folder."""
    with pytest.raises(LabelError, match="'crane' of 'tall' may be 2 n02012849 crane or 3 n03126707 crane"):
        label_lists.match(["tall"], BIRDS, {"tall": [("name", "cock"), ("name", "crane")]})


def test_no_folders_need_no_classes() -> None:
    """An empty dataset is for the gate to refuse, not for the labels."""
    assert label_lists.match([], BIRDS, "auto") == Matching({})


# Heads.


def test_a_head_of_another_size_is_refused() -> None:
    """1001 outputs on a list of 1000 names mean a background class: everything would be off by one."""
    thousand = LabelList("imagenet-1k", tuple(map(str, range(1000))))
    label_lists.check_head(thousand, 1000)
    with pytest.raises(LabelError, match="1001 outputs and its label list imagenet-1k has 1000 classes: set `labels`"):
        label_lists.check_head(thousand, 1001)
    with pytest.raises(LabelError, match="999"):
        label_lists.check_head(thousand, 999)


def test_a_head_of_as_many_outputs_as_folders_may_be_the_folders() -> None:
    """That is said where it fits, and only there."""
    thousand = LabelList("imagenet-1k", tuple(map(str, range(1000))))
    way = r'; or, where it was trained on the 2 folders cats, dogs, set it to "folders"$'
    with pytest.raises(LabelError, match=f"2 outputs and its label list imagenet-1k has 1000 classes: .*{way}"):
        label_lists.check_head(thousand, 2, ["dogs", "cats"])
    with pytest.raises(LabelError, match=r"one class name per line\)$"):
        label_lists.check_head(thousand, 2, ["dogs", "cats", "owls"])


def test_an_unstated_head_says_what_it_has() -> None:
    """The number of outputs, the key to set, and the folders where they are as many."""
    spec = ModelSpec("net", "python:nets:tiny")
    assert str(label_lists.unstated(spec, 2, ["dogs", "cats"])) == (
        "[models.net] nothing states what the 2 outputs of python:nets:tiny are: set `labels` to the list it was "
        "trained with (a file with one class name per line); or, where it was trained on the 2 folders cats, dogs, "
        'set it to "folders"'
    )
    assert str(label_lists.unstated(spec, 2, [])).endswith("one class name per line)")


# Real photographs.


TEDDY_BEAR = "n04399382"
"""The one class of ImageNet-1k that ImageNet-21k has under another id (n04399537)."""


@pytest.mark.shared
def test_the_folders_of_photos_are_the_thousand_classes(shared_data: Path, imagenet_1k: LabelList) -> None:
    """Each of the 1000 folders is one class of its own, the one that its id stands for."""
    folders = _folders(shared_data / "photos")
    accepted = label_lists.match(folders, imagenet_1k, "auto").accepted
    assert imagenet_1k.wnids is not None
    assert accepted == {wnid: {index} for index, wnid in enumerate(imagenet_1k.wnids)}


@pytest.mark.shared
def test_all_folders_of_photos_but_one_are_classes_of_the_larger_list(
    shared_data: Path, imagenet_1k: LabelList, imagenet_21k: LabelList
) -> None:
    """On a 21k head each folder keeps its id and its name; the one id that is not there is refused by name."""
    folders = _folders(shared_data / "photos")
    with pytest.raises(
        LabelError, match=f"^1 of 1000 folders does not match imagenet-21k-goog: '{TEDDY_BEAR}' is not a"
    ):
        label_lists.match(folders, imagenet_21k, "auto")

    rest = [folder for folder in folders if folder != TEDDY_BEAR]
    small, large = (label_lists.match(rest, of, "auto") for of in (imagenet_1k, imagenet_21k))
    assert [_names(imagenet_21k, large, folder) for folder in rest] == [
        _names(imagenet_1k, small, folder) for folder in rest
    ]


@pytest.mark.shared
def test_the_map_of_photos10_meets_both_heads(
    shared_data: Path, imagenet_1k: LabelList, imagenet_21k: LabelList
) -> None:
    """Every one of the ten folders keeps classes in both lists; only the smaller lacks some of the ids."""
    folders = _folders(shared_data / "photos10")
    how = label_map.read(shared_data / "photos10-classes.csv")
    small, large = (label_lists.match(folders, of, how) for of in (imagenet_1k, imagenet_21k))

    assert set(small.accepted) == set(large.accepted) == set(folders)
    assert small.accepted["cat"] >= {281, 282, 283, 284, 285}
    for folder in folders:
        ids_1k, ids_21k = _ids(imagenet_1k, small, folder), _ids(imagenet_21k, large, folder)
        assert ids_1k
        assert ids_1k <= ids_21k
    assert sum(map(len, how.values())) == small.ids_ignored + sum(map(len, small.accepted.values()))
    assert (small.ids_ignored > 0, large.ids_ignored) == (True, 0)


def _folders(place: Path) -> list[str]:
    return [folder.name for folder in place.iterdir() if folder.is_dir()]


def _names(of: LabelList, matching: Matching, folder: str) -> list[str]:
    return [of.names[index] for index in matching.accepted[folder]]


def _ids(of: LabelList, matching: Matching, folder: str) -> set[str]:
    assert of.wnids is not None
    return {of.wnids[index] for index in matching.accepted[folder]}
