"""imgcls.session.required: what a run must evaluate, and why something was not."""

import pytest

from imgcls.errors import ConfigError
from imgcls.session import required
from imgcls.session.required import KINDS, Coverage, Required, Target

TIMED = required.latency_target("net", "cpu", "SingleStream")
SCORED = Target("accuracy", "net", "photos")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (None, None),
        ("all", frozenset(KINDS)),
        ("none", frozenset()),
        ("latency, golden", frozenset({"latency", "golden"})),
    ],
)
def test_an_option_names_kinds(text: str | None, kinds: Required) -> None:
    """All, none, or some; without it each run requires what it selects."""
    assert required.kinds("--imgcls-require-gates", text) == kinds


@pytest.mark.parametrize("text", ["tests/", "latency,speed", "", "all,latency"])
def test_what_is_not_a_kind_is_refused(text: str) -> None:
    """With the form that is meant: pytest takes a path behind the option for its value."""
    with pytest.raises(ConfigError, match="is not a kind of gate: write --imgcls-require-gates=all, "):
        required.kinds("--imgcls-require-gates", text)


@pytest.mark.parametrize(
    ("tests", "cause", "is_asked"),
    [
        (Coverage({TIMED}, {TIMED}), "its test did not check it", True),
        (Coverage({TIMED}, {TIMED}, unmeasured={TIMED: "disabled"}), "disabled", True),
        (Coverage({TIMED}, {TIMED}, failed={TIMED}), "its test failed", False),
        (Coverage({TIMED}, set(), is_whole=True), "its test was deselected by -m, -k or another option", False),
        (Coverage({SCORED}, {SCORED}), "no test requests it: from imgcls.suite import test_latency", False),
        (
            Coverage({SCORED}, {SCORED}, is_whole=True),
            "no test requests it: from imgcls.suite import test_latency",
            True,
        ),
    ],
)
def test_what_was_selected_must_be_evaluated(tests: Coverage, cause: str, is_asked: bool) -> None:
    """Not what was deselected, nor what failed anyway; what no test is for, in a run of the whole project."""
    assert tests.cause(TIMED) == cause
    assert tests.must_evaluate(TIMED, None) is is_asked
    assert tests.must_evaluate(TIMED, frozenset({"latency"}))
    assert not tests.must_evaluate(TIMED, frozenset({"accuracy"}))


def test_the_kinds_that_are_left() -> None:
    """Those with selected tests, in one order."""
    assert Coverage(selected={TIMED, SCORED}).kinds_without(["latency"]) == ["accuracy"]


def test_targets_travel_as_lists() -> None:
    """From the workers of xdist to the controller."""
    assert required.decode(required.encode({TIMED, SCORED})) == {TIMED, SCORED}
