"""Texts as TOML has them."""

from __future__ import annotations

import json

from imgcls.errors import ConfigError


def string(text: str) -> str:
    """A basic string that reads as this text, whatever is in it.

    Raises ConfigError for bytes that are not UTF-8, of which a name on Linux may consist and which TOML cannot hold.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{text}: this name is not UTF-8, so no configuration can hold it: rename it") from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
