"""Which classes of each model are right for the folders."""

from dataclasses import replace
from pathlib import Path

from imgcls.data import class_lists, label_map
from imgcls.data.labels import match
from imgcls.records.data import LabelList
from imgcls.scaffold import mapping
from imgcls.scaffold.models import ProposedModel

IMAGENET = ProposedModel("imagenet", ("timm:a",), classes=class_lists.imagenet("imagenet-1k"))
OWN = ProposedModel("own", ("timm:b",), classes=LabelList("own.txt", ("cat", "dog")))
UNSTATED = ProposedModel("unstated", ("timm:c",), outputs=2)


def test_names_that_are_classes_need_no_map_file() -> None:
    """WordNet ids and names alike, for each model of this list."""
    [ids] = mapping.matched([IMAGENET], ["n02123045", "n07920052"])
    assert (ids.way, ids.models, ids.file) == ("auto", ("imagenet",), None)
    [own] = mapping.matched([OWN], ["cat", "dog"])
    assert (own.way, own.unmapped, own.doubtful) == ("auto", (), ())


def test_words_above_classes_become_a_map_file_that_matches(tmp_path: Path) -> None:
    """Every folder that is not reported has classes, by the very code that scores."""
    [way] = mapping.matched([IMAGENET], ["boat", "cat", "n02123045"])
    assert (way.way, way.file, way.unmapped, way.doubtful) == ("wnid", "classes.csv", (), ("cat",))
    file = tmp_path / "classes.csv"
    file.write_text(str(way.text))
    accepted = match(["boat", "cat", "n02123045"], IMAGENET.classes, label_map.read(file)).accepted
    assert {folder: len(classes) for folder, classes in accepted.items()} == {"boat": 6, "cat": 5, "n02123045": 1}
    assert way.right == 4.0


def test_what_has_no_class_is_named_with_the_nearest() -> None:
    """And the map file has a row for it, to be filled in."""
    [way] = mapping.matched([IMAGENET], ["goldfsh", "кошка"])
    goldfish, cyrillic = way.unmapped
    assert goldfish.startswith("goldfsh: no class of imagenet-1k has this name; nearest: goldfish")
    assert cyrillic == "кошка: no class of imagenet-1k has this name, nor one like it"
    assert way.text is not None
    assert "кошка,,,CHECK: nothing found" in way.text
    assert way.right == 1.0


def test_models_that_read_folders_in_other_ways_have_a_dataset_each() -> None:
    """A map file of ImageNet's ids means nothing to a network with names of its own."""
    ways = mapping.matched([OWN, IMAGENET], ["cat", "dog"])
    assert [(way.way, way.models, way.file) for way in ways] == [
        ("auto", ("own",), None),
        ("wnid", ("imagenet",), "classes.csv"),
    ]
    [names] = mapping.matched([replace(OWN, classes=LabelList("own.txt", ("tabby cat", "hound dog")))], ["cat", "dog"])
    assert (names.way, names.file) == ("name", "class-names.csv")


def test_models_without_classes_share_any_dataset() -> None:
    """Their outputs are the folders, whatever a map file says."""
    folders = replace(UNSTATED, classes=class_lists.FOLDERS)
    [way] = mapping.matched([folders, IMAGENET], ["boat"])
    assert (way.way, way.models) == ("wnid", ("imagenet", "unstated"))
    [only] = mapping.matched([folders], ["boat"])
    assert (only.way, only.models) == ("auto", ("unstated",))


def test_as_many_outputs_as_folders_are_taken_for_them() -> None:
    """It is a guess, and said; any other number is a problem."""
    [model] = mapping.with_folders_as_classes([UNSTATED], ["a", "b"])
    assert (model.labels, model.classes, model.problem) == ("folders", class_lists.FOLDERS, None)
    assert model.guesses == ("its 2 outputs are the folders in sorted order, because there are as many",)
    [model] = mapping.with_folders_as_classes([UNSTATED], ["a", "b", "c"])
    assert model.problem == 'nothing states what its 2 outputs are: write labels = "FILE", a class name per line'
    assert mapping.with_folders_as_classes([OWN], ["a"]) == [OWN]


def test_a_model_to_complete_has_the_folders_already() -> None:
    """What is missing of it is something else; its problem stays."""
    [model] = mapping.with_folders_as_classes([replace(UNSTATED, problem="two architectures")], ["a", "b"])
    assert (model.labels, model.problem) == ("folders", "two architectures")


def test_an_unknown_number_of_outputs_may_be_that_of_the_folders() -> None:
    """Which is proposed, to be kept or not."""
    [model] = mapping.with_folders_as_classes([replace(UNSTATED, outputs=None)], ["a", "b"])
    assert (model.labels, model.classes) == ("folders", class_lists.FOLDERS)
    assert model.problem == (
        'nothing states what its outputs are: keep labels = "folders" if they are the 2 folders here in sorted order, '
        'or else write labels = "FILE", a class name per line'
    )


def test_a_folder_without_images_that_is_one_too_many_is_named() -> None:
    """As ``src`` is, next to the folders of classes."""
    [model] = mapping.with_folders_as_classes([UNSTATED], ["a", "b", "src"], ["src"])
    assert model.problem is not None
    assert "if they are the folders but for src, move what holds no image elsewhere; or write labels" in model.problem


def test_numbers_are_classes_where_there_are_as_many() -> None:
    """Ten folders 0 to 9 are no ten classes of ImageNet."""
    digits = ProposedModel("digits", ("timm:d",), classes=class_lists.stated("digits"))
    numbers = [str(number) for number in range(10)]
    assert mapping.matched([replace(digits, classes=LabelList("ten", tuple("abcdefghij")))], numbers)[0].way == "index"
    [way] = mapping.matched([IMAGENET], numbers)
    [unmapped] = way.unmapped
    assert way.way == "wnid"
    assert unmapped.startswith("0, 1, 2, 3, 4 and 5 more: numbers, which are not names of classes of imagenet-1k: name")


def test_a_folder_that_only_one_list_has_a_class_for_is_named() -> None:
    """Its rows would mean nothing to the other model."""
    short = LabelList("short.txt", ("tabby",), ("n02123045",))
    ways = mapping.matched([IMAGENET, replace(OWN, classes=short)], ["boat", "cat"])
    assert [way.unmapped for way in ways] == [("boat: short.txt has none of its classes",)]


def test_a_name_is_known_where_a_model_has_a_class_or_kinds_of_it() -> None:
    """Without any list of classes every name is as good."""
    known = mapping.known_names([IMAGENET])
    assert list(map(known, ("animals", "tabby", "indoors", "кошка"))) == [True, True, False, False]
    assert mapping.known_names([UNSTATED])("кошка")
