"""imgcls.messages: what is wrong fits into one line, and a wrong name has a right one next to it."""

import pytest

from imgcls import messages


def test_an_exception_is_one_line() -> None:
    """Line breaks and a full stop are removed, and an exception without a text is its type."""
    lines = [messages.one_line(error) for error in (ValueError("no such\n  file.\n"), TimeoutError())]
    assert lines == ["no such file", "TimeoutError"]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ""), (1, "0"), (3, "0, 1, 2"), (4, "0, 1, 2 and 1 more"), (9, "0, 1, 2 and 6 more")]
)
def test_a_long_list_is_cut_short(count: int, expected: str) -> None:
    """The first items are named up to the limit, the others counted."""
    assert messages.named([str(number) for number in range(count)], limit=3) == expected


def test_a_wrong_name_has_the_nearest_next_to_it() -> None:
    """One of a few known names, three of many; without a similar one all are named, or none."""
    known = ["resnet18", "resnet50", "resnet50d", "vit"]
    assert messages.did_you_mean("resnet5O", known) == "; did you mean 'resnet50'?"
    assert messages.did_you_mean("alexnet", []) == ""
    assert messages.nearest("vitt", known) == "; did you mean 'vit'?"
    assert messages.nearest("xyz", known) == "; known: resnet18, resnet50, resnet50d, vit"
    assert messages.nearest("xyz", iter(())) == "; there is none"
    assert messages.nearest_three("resnet5O", known) == "; nearest: resnet50, resnet50d, resnet18"
    assert messages.nearest_three("xyz", known) == ""
