"""Texts as TOML has them."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls import toml
from imgcls.errors import ConfigError


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_reads_as_what_it_was_made_of(text: str) -> None:
    """Quotes, backslashes, line breaks and every control character survive."""
    assert tomllib.loads(f"key = {toml.string(text)}") == {"key": text}


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    """No configuration can hold its bytes, and the message has them as an escape."""
    with pytest.raises(ConfigError, match=r"^photos\\xff: this name is not UTF-8.*: rename it$"):
        toml.string("photos\udcff")
