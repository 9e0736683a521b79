"""Templates that were compiled once."""

import sys
from importlib import util
from pathlib import Path

import jinja2
import pytest
from jinja2 import bccache

from imgcls import documents
from imgcls.reporting.html.compiled_templates import CompiledTemplates

TEMPLATE = "page.html"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a template, where Python may write what it compiles."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / TEMPLATE).write_text("{{ 1 + of }}")
    return tmp_path


def rendered(folder: Path, *sources: str, of: int = 1) -> str:
    """The template, by an environment of its own."""
    loader = jinja2.FileSystemLoader(folder)
    environment = jinja2.Environment(loader=loader, bytecode_cache=CompiledTemplates(*sources), autoescape=True)
    return environment.get_template(TEMPLATE).render(of=of)


def compiled(folder: Path) -> list[Path]:
    """What lies where Python keeps what it compiled."""
    return [*(folder / "__pycache__").glob("*")]


def test_a_template_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then read from next to it, as modules are."""
    assert rendered(folder) == "2"
    [file] = compiled(folder)
    assert file.name == f"page.{sys.implementation.cache_tag}.pyc"
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert rendered(folder, of=4) == "5"


def test_a_template_that_changed_is_compiled_again(folder: Path) -> None:
    """Of the same length and at the same moment, too: its text is what counts."""
    rendered(folder)
    (folder / TEMPLATE).write_text("{{ 2 + of }}")
    assert rendered(folder) == "3"


@pytest.mark.parametrize("what", ["jinja2", "Python", "a filter"])
def test_what_another_version_compiled_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Another jinja2, a Python of other bytecode under the same name, or other code of ours that it depends on."""
    rendered(folder, "one")
    before = compiled(folder)[0].read_bytes()
    if what == "jinja2":
        monkeypatch.setattr(jinja2, "__version__", "0")
    if what == "Python":
        monkeypatch.setattr(util, "MAGIC_NUMBER", b"0")
    assert rendered(folder, "two" if what == "a filter" else "one") == "2"
    assert compiled(folder)[0].read_bytes() != before


@pytest.mark.parametrize("damage", [b"", b"j2", b"no marshal", b"no pickle"])
def test_a_damaged_file_is_written_anew(folder: Path, damage: bytes) -> None:
    """Whatever is in it."""
    rendered(folder)
    [file] = compiled(folder)
    whole = file.read_bytes()
    before = {b"no marshal": whole[:20], b"no pickle": bccache.bc_magic + b"cnowhere\nname\n"}.get(damage, b"")
    file.write_bytes(before + damage)
    assert rendered(folder) == "2"
    assert file.read_bytes() == whole


def test_nothing_is_written_where_python_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONDONTWRITEBYTECODE."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(folder) == "2"
    assert compiled(folder) == []


def test_they_lie_where_python_is_told_to_keep_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONPYCACHEPREFIX, below which there are no folders yet."""
    prefix = folder / "elsewhere"
    monkeypatch.setattr(sys, "pycache_prefix", str(prefix))
    assert rendered(folder) == "2"
    assert compiled(folder) == []
    assert len([*prefix.rglob("page.*.pyc")]) == 1


def test_a_folder_that_cannot_be_written_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a package that another user installed."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(documents, "whole", refuse)
    assert rendered(folder) == "2"
