"""imgcls.reporting.colours: words of verdicts, on streams that have colours."""

import io

import pytest

from imgcls.reporting import colours


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PY_COLORS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def test_only_the_word_of_a_verdict_is_coloured() -> None:
    """Tables and names stay plain, also where a name is such a word."""
    lines = ["PASS net on photos", "INCONCLUSIVE: net", " FAIL     photos  12", "PASSAGE on photos", "FAILED gate: x"]
    assert colours.coloured("\n".join(lines)).split("\n") == [
        "\x1b[1;32mPASS\x1b[0m net on photos",
        "\x1b[1;33mINCONCLUSIVE\x1b[0m: net",
        " FAIL     photos  12",
        "PASSAGE on photos",
        "\x1b[1;31mFAILED\x1b[0m gate: x",
    ]


@pytest.mark.parametrize(
    ("variables", "terminal", "shown"),
    [
        ({}, True, True), ({}, False, False),
        ({"TERM": "dumb"}, True, False), ({"NO_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"PY_COLORS": "1", "NO_COLOR": "1"}, False, True), ({"PY_COLORS": "0", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, True),
    ],
)  # fmt: skip
def test_variables_are_obeyed_as_pytest_does(
    variables: dict[str, str], terminal: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PY_COLORS first, then NO_COLOR, then FORCE_COLOR, then the terminal."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    assert colours.has_colours(stream) is shown
