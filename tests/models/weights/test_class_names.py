"""imgcls.models.weights.class_names: the classes that a script saved are read in the order of the outputs."""

from typing import Any

import pytest

from imgcls.models.weights import class_names

NAMES = ("cat", "dog", "eel")


@pytest.mark.parametrize(
    "content",
    [
        {"classes": ["cat", "dog", "eel"]},
        {"class_names": NAMES, "epoch": 3},
        {"class_to_idx": {"eel": 2, "cat": 0, "dog": 1}},
        {"idx_to_class": {0: "cat", 2: "eel", 1: "dog"}},
        {"idx_to_class": {"0": "cat", "1": "dog", "2": "eel"}},
        {"meta": {"CLASSES": NAMES}},
        {"meta": {"dataset_meta": {"classes": NAMES}}},
        {"hyper_parameters": {"class_to_idx": {"cat": 0, "dog": 1, "eel": 2}}},
        {"classes": list(NAMES), "class_to_idx": {"cat": 0, "dog": 1, "eel": 2}},
    ],
)
def test_names_are_found(content: dict[str, Any]) -> None:
    """Lists, and maps from and to numbers, under the keys that scripts use."""
    assert class_names.stated(content) == NAMES


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"classes": 3},
        {"classes": None},
        {"classes": [1, 2]},
        {"class_to_idx": {"cat": 0, "dog": 2}},
        {"class_to_idx": {"cat": 0, "dog": 0}},
        {"classes": ["cat", "dog"], "class_names": ["dog", "cat"]},
    ],
)
def test_what_states_no_names(content: dict[str, Any]) -> None:
    """Numbers with gaps, other values, and two lists that differ state nothing."""
    assert class_names.stated(content) is None
