"""imgcls.reporting.html.source: what pages are made of."""

import base64
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import imgcls
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


def test_templates_are_found_in_an_archive(tmp_path: Path, python: Callable[[str], pytest.RunResult]) -> None:
    """Python imports packages from archives, where nothing that is compiled can be kept."""
    package, archive = Path(imgcls.__file__).parent, tmp_path / "imgcls.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for file in package.rglob("*"):
            if file.suffix in {".py", ".html"}:
                written.write(file, file.relative_to(package.parent))
    result = python(
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from imgcls.reporting.html import source\n"
        "print(source.environment('imgcls.reporting.html').get_template('overall.html').name, source.__file__)"
    )
    assert result.outlines == [f"overall.html {archive / 'imgcls' / 'reporting' / 'html' / 'source.py'}"]
