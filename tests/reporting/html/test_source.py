"""imgcls.reporting.html.source: what pages are made of."""

import base64
import hashlib

import pytest
from jinja2 import UndefinedError

from imgcls.reporting.html import source


def test_a_policy_names_a_text_by_its_hash() -> None:
    """As browsers compute it."""
    assert source.digest("a{}") == f"sha256-{base64.b64encode(hashlib.sha256(b'a{}').digest()).decode()}"


@pytest.mark.parametrize("package", ["imgcls.reporting.html", "imgcls.reporting.history"])
def test_what_is_printed_is_escaped_and_known(package: str) -> None:
    """Markup in a name stays text; a name that a template does not get is an error, not a blank."""
    environment = source.environment(package)
    assert environment.from_string("{{ name }}").render(name="<script>") == "&lt;script&gt;"
    with pytest.raises(UndefinedError, match="name"):
        environment.from_string("{{ name }}").render()
