"""Responses of services in all the shapes in which people send them."""

from typing import Any

import numpy as np
import pytest

from imgcls.data.class_lists import imagenet
from imgcls.data.labels import Lookup
from imgcls.errors import ModelError
from imgcls.records.data import LabelList
from imgcls.serving import responses
from imgcls.serving.responses import Entry

EVEN = np.full(1000, 0.001)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"predictions": [{"label": "cat", "score": 0.9}]}, [Entry(("cat",), 0.9)]),
        ([{"class_name": "cat", "probability": 0.9}, {"class": "dog", "confidence": 0.1}], ["cat", "dog"]),
        ({"result": {"class_id": 3, "class_name": "cat", "score": 1}}, [Entry(("cat", 3), 1.0)]),
        ({"labels": ["cat", "dog"], "scores": [0.9, 0.1]}, ["cat", "dog"]),
        ({"classes": [3, 1]}, [Entry((3,), None), Entry((1,), None)]),
        ([["cat", 0.9], ["dog", 0.1]], ["cat", "dog"]),
        ({"predictions": [[["n02123045", "tabby", 0.9]]]}, [Entry(("n02123045", "tabby"), 0.9)]),
        ({"cat": 0.9, "dog": 0.1}, ["cat", "dog"]),
        ([0.1, 0.2, 0.3, 0.4], [Entry((0,), 0.1), Entry((1,), 0.2), Entry((2,), 0.3), Entry((3,), 0.4)]),
        ({"outputs": [[0.1, 0.2, 0.3, 0.4]]}, [0, 1, 2, 3]),
        (["cat", "dog"], ["cat", "dog"]),
    ],
)
def test_shapes_that_are_understood(document: Any, expected: list[Any]) -> None:
    """Of a network of four classes."""
    read = responses.entries(document, 4)
    assert [
        one if isinstance(want, Entry) else one.keys[0] for one, want in zip(read, expected, strict=True)
    ] == expected


@pytest.mark.parametrize("document", [{"status": "ok"}, [], "cat", {"predictions": [{"box": [1, 2]}]}, [0.5, 0.5]])
def test_others_are_one_line_with_their_shape(document: Any) -> None:
    """And with what is understood."""
    with pytest.raises(ModelError, match=r"^it returned .*; understood are a list of \{\"label\"") as error:
        responses.entries(document, 4)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "index"),
    [
        (("n02123045",), 281),
        (("tabby",), 281),
        (("tabby, tabby cat",), 281),
        (("281",), 281),
        ((281,), 281),
        (("Tabby_Cat", 7), 281),
        (("nothing like it", 281), 281),
        (("domestic dog",), None),
    ],
)
def test_classes_are_matched_by_number_name_word_and_wordnet_id(keys: tuple[Any, ...], index: int | None) -> None:
    """Of ImageNet's list; what is not one of it is named."""
    result = responses.matched([Entry(keys, 0.9)], Lookup(imagenet("imagenet-1k")), EVEN)
    assert (result.served.classes[0] if result.served else None) == index
    assert result.unknown == (() if index else ("domestic dog",))


def test_of_two_classes_of_one_name_the_likelier_is_meant() -> None:
    """As of the two cranes."""
    probabilities = np.array([0.1, 0.7, 0.2])
    result = responses.matched(
        [Entry(("crane",), 0.7)], Lookup(LabelList("x", ("crane", "crane", "cat"))), probabilities
    )
    assert result.served is not None
    assert result.served.classes == (1,)
