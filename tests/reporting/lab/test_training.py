"""imgcls.reporting.lab.training: trainings side by side."""

import pytest

import markdown_pages
from imgcls.reporting.lab import training
from lab_parts import make_contents, make_run


def test_each_training_has_a_row_with_its_best_epoch_and_its_seconds() -> None:
    """NumPy next to PyTorch."""
    torch = make_run("b", recipe={"array": "torch", "device": "cpu", "epochs": 3})
    text = "\n".join(training.blocks(make_contents(runs=[make_run(), torch])))
    how, best = markdown_pages.tables(text)
    assert how == [
        list(training.HOW),
        ["a", "reference:efficientnet_b0", "NumPy", "30 + 10", "3", "10.00"],
        ["b", "reference:efficientnet_b0", "PyTorch on cpu", "30 + 10", "3", "10.00"],
    ]
    assert best[:2] == [list(training.BEST), ["a", "3", "75.0", "72.0", "0.5000", "0.6667"]]
    assert "The trainings differ in:\n\n- array: numpy in a, torch in b\n" in text
    assert markdown_pages.targets(text) == [training.CHART]


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
