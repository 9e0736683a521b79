"""What several commands have: types of arguments, and the examples at the end of their help."""

import argparse
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from imgcls.errors import ConfigError

EXAMPLES = "examples:\n"


class _Formatter(argparse.HelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(EXAMPLES) else super()._fill_text(text, width, indent)


def examples(*commands: str) -> Mapping[str, Any]:
    """Keywords of ``add_parser`` that end a command's help with these command lines."""
    return {"epilog": EXAMPLES + textwrap.indent("\n".join(commands), "  "), "formatter_class": _Formatter}


def fraction(text: str) -> float:
    """A fraction above 0, as in 0.05."""
    with suppress(ValueError):
        if 0 < (value := float(text)) < 1:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a fraction between 0 and 1, as in 0.05")


def positive_int(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")


def one_to_ten(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 10:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 10")


def local_images(text: str) -> Path:
    """An image, a folder or a manifest of this machine: archives, URLs and functions are paths of datasets only."""
    from imgcls.data.places import forms, urls

    try:
        form = forms.form_of(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if form:
        raise argparse.ArgumentTypeError(
            f"{urls.shown(text)} is not an image or folder of images on this machine: write its configuration by hand, "
            "with `path` of a [datasets.NAME], or score it with imgcls score --data"
        )
    return Path(text)
