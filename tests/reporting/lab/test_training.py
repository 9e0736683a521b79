"""imgcls.reporting.lab.training: trainings side by side."""

from dataclasses import replace

import pytest

import markdown_pages
from imgcls.reporting.lab import training
from lab_parts import make_contents, make_run


def test_each_training_has_a_row_with_its_best_epoch_and_its_seconds() -> None:
    """NumPy next to PyTorch."""
    torch = make_run("b", recipe={"array": "torch", "device": "cpu", "epochs": 3})
    text = "\n".join(training.blocks(make_contents(runs=[make_run(), torch])))
    how, best, *_ = markdown_pages.tables(text)
    assert how == [
        list(training.HOW),
        ["a", "reference:efficientnet_b0", "NumPy", "from scratch", "30 + 10", "3", "10.00", "30.0"],
        ["b", "reference:efficientnet_b0", "PyTorch on cpu", "from scratch", "30 + 10", "3", "10.00", "30.0"],
    ]
    assert best[:2] == [list(training.BEST), ["a", "3", "75.0", "72.0", "0.5000", "0.6667"]]
    assert "The trainings differ in:\n\n- array: numpy in a, torch in b\n" in text
    assert markdown_pages.targets(text) == [training.CHART]


def test_every_epoch_has_its_figures_and_the_seconds_of_all_trainings_stand_side_by_side() -> None:
    """Loss, top-1 and macro F1 of both splits; a training with fewer epochs has a dash."""
    short = make_run("b", epochs=make_run().epochs[:2])
    text = "\n".join(training.blocks(make_contents(runs=[make_run(), short])))
    _, _, seconds, first, second = markdown_pages.tables(text)
    assert seconds == [["epoch", "a", "b"], ["1", "10.00", "10.00"], ["2", "10.00", "10.00"], ["3", "10.00", "-"]]
    assert first[0] == list(training.EPOCH)
    assert first[3] == ["3", "0.6667", "0.5000", "90.0", "75.0", "87.0", "72.0"]
    assert second == first[:3]
    assert "are shown" not in text


def test_of_many_epochs_up_to_50_are_shown_and_the_last_is_one() -> None:
    """Evenly spread, which a sentence states."""
    epochs = tuple(replace(make_run().epochs[0], number=number) for number in range(1, 121))
    text = "\n".join(training.blocks(make_contents(runs=[make_run(epochs=epochs)])))
    rows = markdown_pages.tables(text)[-1][1:]
    assert [int(row[0]) for row in rows] == list(range(3, 121, 3))
    assert "40 of 120 epochs are shown, evenly spread; the curves have them all." in text


@pytest.mark.parametrize(
    ("weights", "text", "is_random"),
    [
        (None, "from scratch", True),
        ("random:3", "with random:3", True),
        ("pretrained", "with pretrained", False),
        ("ab" * 32, "with weights of sha256 abababababab", False),
    ],
)
def test_what_a_training_began_with(weights: str | None, text: str, *, is_random: bool) -> None:
    """Where that was nothing trained, a paragraph states what changes with published weights."""
    run = make_run(weights=weights)
    blocks = "\n".join(training.blocks(make_contents(runs=[run])))
    read = markdown_pages.plain(blocks)
    assert markdown_pages.tables(blocks)[0][1][3] == training.begins(weights) == text
    assert ("With published weights: a began with random weights. With --weights" in read) is is_random


def test_trainings_of_one_recipe_differ_in_nothing() -> None:
    """Then there is no list."""
    assert "differ in" not in "\n".join(training.blocks(make_contents(runs=[make_run(), make_run("b")])))


def test_without_trainings_there_is_no_section() -> None:
    """No empty table."""
    assert list(training.blocks(make_contents())) == []


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ({"array": "numpy", "device": "cpu"}, "NumPy"),
        ({"array": "cupy", "device": "cpu"}, "CuPy"),
        ({"array": "torch", "device": "cuda"}, "PyTorch on cuda"),
        ({}, "PyTorch on cpu"),
    ],
)
def test_what_computed_a_training(recipe: dict[str, str], text: str) -> None:
    """The arrays of the reference have no device of torch's."""
    assert training.computed_by(make_run(recipe=recipe)) == text
