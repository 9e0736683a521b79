"""imgcls.errors: what is wrong fits into one line."""

from imgcls.errors import one_line


def test_an_exception_says_one_line() -> None:
    """Line breaks and a full stop go, and an exception without words says its type."""
    said = [one_line(error) for error in (ValueError("no such\n  file.\n"), TimeoutError())]
    assert said == ["no such file", "TimeoutError"]
