"""What pages are made of: templates, our own style and script, and the hashes by which a policy allows them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from imgcls.reporting.html import text

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def own_file(name: str) -> str:
    """The text of a file in this folder, as ``style.css``."""
    return resources.files("imgcls.reporting.html").joinpath(name).read_text("utf-8")


def digest(source: str) -> str:
    """A hash as a Content-Security-Policy has it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


@cache
def environment(package: str) -> Environment:
    """The templates of a package; everything that they print is escaped, and an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from imgcls.reporting.html.compiled_templates import CompiledTemplates

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text.seen,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=CompiledTemplates(own_file("source.py"), own_file("text.py")),
    )
    environment.filters |= text.FILTERS
    return environment
