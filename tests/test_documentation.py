"""The site: what is generated has every word that users can write, and the pages become one whole."""

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import imgcls
import reference_api
import reference_commands
import reference_document
import reference_environment
import reference_keys
import reference_pages
import reference_pytest
import reference_text
import site_html
import site_markdown
from imgcls import plugin
from imgcls.cli import main
from imgcls.config import loader
from imgcls.config.table import ConfigTable
from imgcls.errors import ConfigError
from imgcls.session.option_table import OPTIONS
from imgcls.session.options import PYTEST_PREFIX
from markdown_pages import tables
from reference_text import MissingText

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
INDEX = (DOCS / "index.md").read_text()


# Commands.


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from _parsers(command)


def test_every_command_and_option_has_a_row() -> None:
    """By the words that the parser takes."""
    page = reference_commands.text()
    sections = dict(zip(*[iter(re.split(r"^#+ (imgcls .*)$", page, flags=re.MULTILINE)[1:])] * 2, strict=True))
    commands = {parser.prog: parser for parser in _parsers(main.parser())}
    assert sections.keys() == commands.keys()
    options = {
        (prog, option)
        for prog, parser in commands.items()
        for action in parser._actions
        for option in action.option_strings
        if option not in {"-h", "--help"}
    }
    assert len(options) > 150
    assert [option for prog, option in options if not re.search(rf"`{option}[ `]", sections[prog])] == []


def test_an_option_without_help_is_refused() -> None:
    """The build names the command and the option."""
    parser = argparse.ArgumentParser("imgcls", add_help=False)
    score = parser.add_subparsers().add_parser("score", help="score models")
    score.add_argument("--silent", metavar="FILE")
    with pytest.raises(MissingText, match=r"^imgcls score `--silent FILE` has no text$"):
        list(reference_commands.sections(parser, 2))


def test_an_option_is_shown_with_its_values_and_its_default() -> None:
    """Choices are spelled out, and what the help takes from the option is filled in."""
    parser = argparse.ArgumentParser("imgcls")
    action = parser.add_argument("-d", "--device", choices=("cpu", "cuda"), default="cpu", help="as in %(default)s")
    assert reference_commands.spelled(action) == "`-d cpu|cuda`, `--device cpu|cuda`"
    assert reference_commands.default(action) == "`cpu`"
    assert reference_commands.meaning(action, "imgcls") == "as in cpu"


# Pytest.


def test_every_pytest_option_fixture_and_marker_has_a_row(pytestconfig: pytest.Config) -> None:
    """By the names under which pytest knows them."""
    page = reference_pytest.text()
    assert [name for name in OPTIONS if not re.search(rf"`{PYTEST_PREFIX}{name}[ `]", page)] == []
    assert [name for name in plugin.NAMES if f"`{plugin.PREFIX}{name}`, `{name}`" not in page] == []
    known = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    ours = {marker for marker in known if f"`@pytest.mark.{marker}`" in page}
    assert ours == {line.partition(":")[0] for line in plugin.MARKERS}


def test_a_fixture_without_a_docstring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build names it."""
    monkeypatch.setattr("imgcls.plugin.fixtures.imgcls_gates.__doc__", None)
    with pytest.raises(MissingText, match=r"^the fixture imgcls_gates has no text$"):
        reference_pytest.text()


# Keys.


def test_every_key_that_the_loader_takes_has_a_row() -> None:
    """In the section of its table, or within the row of the inline table that it is of."""
    page = reference_keys.text()
    rows = {section[0][0]: section for section in tables(page)}
    assert rows.keys() == {"key"}
    for place, keys in reference_keys.taken().items():
        if (section := page.partition(f"\n## [{place}]\n")[2].partition("\n## ")[0]) != "":
            assert [key for key in keys if f"\n| `{key}` |" not in section] == []
    assert page.count("\n## [") == len(reference_keys.documented()) >= 11


def test_the_loader_is_observed_wherever_it_checks_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that the observed configuration lacks would have no reference."""
    observed: set[tuple[str, int]] = set()

    def keys(_table: ConfigTable, *_known: str) -> None:
        frame: Any = sys._getframe(2)  # below the observer is who checks
        observed.add((Path(frame.f_code.co_filename).name, frame.f_lineno))

    monkeypatch.setattr(ConfigTable, "keys", keys)
    reference_keys.taken()
    assert observed == set(_checks(ROOT / "src" / "imgcls" / "config"))


def _checks(folder: Path) -> Iterator[tuple[str, int]]:
    """The lines on which known keys are named; imgcls.lock is not written by people."""
    for file in {*folder.glob("*.py")} - {folder / "lock.py"}:
        calls = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call) and node.args)
        yield from ((file.name, c.lineno) for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "keys")


@pytest.mark.parametrize(
    ("known", "rows", "message"),
    [
        ({"models.MODEL": ("arch", "depth")}, ["arch"], r"\[models.MODEL\] depth: no row below <!-- keys of models"),
        ({"models.MODEL": ("arch",)}, ["arch", "depth"], r"\[models.MODEL\] takes no depth, which a page explains"),
    ],
    ids=["no row", "no key"],
)
def test_keys_and_rows_are_the_same(known: dict[str, tuple[str, ...]], rows: list[str], message: str) -> None:
    """A key without a row fails the build, and so does a row without a key."""
    explained = {"models.MODEL": dict.fromkeys(rows, reference_keys.Row("a text", "", "configuration.md"))}
    with pytest.raises(MissingText, match=message):
        reference_keys.check(known, explained)


def test_a_default_that_is_another_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page calls the default is that of the record."""
    rows = reference_keys.documented()
    rows["models.MODEL"]["decode"] = rows["models.MODEL"]["decode"]._replace(default="`fast`")
    monkeypatch.setattr(reference_keys, "documented", lambda: rows)
    with pytest.raises(MissingText, match=r"the default of \[models.MODEL\] decode is `exact`, not `fast`"):
        reference_keys.text()


WRONG = {"string": '"\\u0000"', "whole number": "-3", "number": "-3.5", "true or false": "true", "list": "[true]"}
"""A value of each type that a loader may refuse or not; a table is too much like the tables around it."""


@pytest.mark.parametrize("place", reference_keys.RECORDS)
def test_types_are_those_that_the_loader_takes(place: str, tmp_path: Path) -> None:
    """A value of any type that the reference does not state is refused, naming the key."""
    file = tmp_path / "imgcls.toml"
    for key in reference_keys.taken()[place]:
        stated = reference_keys.kind(place, key)
        for kind, value in WRONG.items():
            if kind not in stated and not (kind == "whole number" and "number" in stated):
                file.write_text(_replaced(place, key, value))
                with pytest.raises(ConfigError, match=key):
                    loader.load([file])


def _replaced(place: str, key: str, value: str) -> str:
    """A configuration with only this value where it stands."""
    base = '[datasets.DATASET]\npath = "builtin:digits"\n[models.MODEL]\narch = "timm:NAME"\n'
    if place.startswith("parity"):
        base += 'exports = { EXPORT = "a.onnx" }\n'
    if place in {"datasets.DATASET", "models.MODEL"}:
        kept = re.sub(rf"^{key} = .*\n", "", base, flags=re.MULTILINE)
        return kept.replace(f"[{place}]\n", f"[{place}]\n{key} = {value}\n")
    export = 'path = "a.onnx"\n' if place.endswith("EXPORT") and key != "path" else ""
    recipe = 'format = "onnx"\n' if place.endswith("RECIPE") and key != "format" else ""
    return f"{base}[{place}]\n{export}{recipe}{key} = {value}\n"


# Environment, document, library.


def test_every_extra_variable_exit_code_and_error_has_a_row() -> None:
    """Those of pyproject.toml, of the source, and of the tree of errors."""
    page = reference_environment.text()
    names = reference_environment.read_variables()
    assert {"CI", "IMGCLS_CACHE", "NO_COLOR"} <= names
    assert [name for name in names if f"\n| `{name}` |" not in page] == []
    assert reference_environment.exit_codes().keys() == {"0", "1", "2", "3", "130", "141"}
    tree = [f"`{error}`" for error in re.findall(r"[├└]── (\w+)", imgcls.errors.__doc__ or "")]
    assert len(tree) == 9
    assert [error for error in tree if f"\n| {error} |" not in page] == []


def test_a_variable_without_a_row_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build names it, and the table."""
    monkeypatch.setattr(reference_environment, "read_variables", lambda: {"CI", "IMGCLS_MOOD"})
    with pytest.raises(MissingText, match=r"^IMGCLS_MOOD: no row below <!-- environment variables -->"):
        reference_environment.text()


def test_an_extra_without_a_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build names it, and one that is gone."""
    texts = dict(reference_environment.EXTRAS)
    monkeypatch.setattr(reference_environment, "EXTRAS", {**texts, "magic": "nothing"})
    with pytest.raises(MissingText, match=r"^there is no extra magic$"):
        reference_environment.text()
    del texts["heif"]
    monkeypatch.setattr(reference_environment, "EXTRAS", texts)
    with pytest.raises(MissingText, match=r"^the extra heif has no text$"):
        reference_environment.text()


def test_every_key_of_the_result_document_has_a_row() -> None:
    """Type by type, and every link to a type leads to its section."""
    page = reference_document.text()
    for name, schema in json.loads((DOCS / "result.schema.json").read_text())["$defs"].items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert [key for key in schema.get("properties", {}) if f"\n| `{key}` |" not in section] == []
    headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\(#(\w+)\)", page)) <= headings


def test_every_public_name_and_what_it_returns_is_of_the_library() -> None:
    """``imgcls.__all__``, the classes that verbs return, and those of their fields."""
    page = reference_api.text()
    names = set(re.findall(r":: [\w.]+\.(\w+)$", page, re.MULTILINE))
    assert set(imgcls.__all__) - {"__version__"} <= names
    assert {"Model", "Prediction", "ScoreResult", "RunDifference", "ModelCost", "TrainingResult"} <= names
    assert {"Interval", "Units", "Verdict", "Rejection", "Flip", "Latency", "Memory", "Epoch"} <= names


# Texts.


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Of ``n`` images,\n    see :class:`~imgcls.api.ModelCost`.", "Of `n` images, see `ModelCost`."),
        ("golden/<dataset>/ and `<code>`", "golden/&lt;dataset>/ and `<code>`"),
    ],
)
def test_docstrings_become_markdown(text: str, markdown: str) -> None:
    """One line, without roles, and nothing of it is a tag."""
    assert reference_text.markdown(text) == markdown


def test_links_of_a_text_lead_to_the_same_place_from_the_reference() -> None:
    """Anchors belong to the page that the text is from, and other hosts stay."""
    text = "[a](#gates), [b](goldens.md#how), [c](https://example.org/x)"
    moved = "[a](../gates.md#gates), [b](../goldens.md#how), [c](https://example.org/x)"
    assert reference_text.rebased(text, "gates.md") == moved


def test_bars_in_cells_do_not_end_them() -> None:
    """Whether they were escaped before or not."""
    text = reference_text.table(("a", "b"), [("x|y", r"x\|y")])
    assert tables(text) == [[["a", "b"], ["x|y", "x|y"]]]


def test_a_column_without_content_is_left_out() -> None:
    """Of many commands no option has a default."""
    assert tables(reference_text.table(("a", "b", "c"), [("1", "", "2")])) == [[["a", "c"], ["1", "2"]]]


# The site.


def test_pages_are_written_only_where_they_changed(tmp_path: Path) -> None:
    """So that a site is built again only as far as it must be."""
    reference_pages.write(tmp_path)
    files = sorted(tmp_path.iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    assert [file.stem for file in files] == sorted(reference_pages.PAGES)
    files[0].write_text("old")
    reference_pages.write(tmp_path)
    assert [file.stat().st_mtime_ns for file in files][1:] == times[1:]
    assert files[0].read_text().startswith("# ")


def test_generated_pages_are_not_in_the_repository() -> None:
    """Git ignores them and the site."""
    assert {"/docs/_build/", "/docs/reference/"} <= set((ROOT / ".gitignore").read_text().splitlines())


def test_links_out_of_the_documentation_lead_into_the_repository() -> None:
    """Files and folders each have their address; links between pages stay."""
    text = "[a](../README.md#x), [b](../bench), [c](gates.md), [d](../../CHANGELOG.md), [e](../configuration.md)"
    address = "https://github.com/imgcls/imgcls"
    of_page = site_markdown.linked_outside(text, "index", ROOT, address)
    assert f"[a]({address}/blob/main/README.md#x), [b]({address}/tree/main/bench), [c](gates.md)" in of_page
    of_generated = site_markdown.linked_outside(text, "reference/api", ROOT, address)
    assert of_generated.endswith(f"[d]({address}/blob/main/CHANGELOG.md), [e](../configuration.md)")


def test_the_repository_is_that_of_the_project() -> None:
    """``[project.urls]`` is the one place that has the address."""
    assert site_markdown.repository({"urls": {"Source": "https://x.org/y/"}}) == "https://x.org/y"


def test_the_index_becomes_the_navigation() -> None:
    """Each section has its pages in their order, and the reference has the generated ones first."""
    index = "# T\n\n## Test\n\n- [b](b.md), [a](a.md#x), [a](a.md)\n\n## Reference\n\n- [c](c.md)\n"
    text = site_markdown.with_navigation(index, {"reference/api": "The library"})
    assert "```{toctree}\n:hidden:\n:caption: Test\n\nb\na\n```" in text
    assert "- [The library](reference/api.md)\n- [c](c.md)" in text
    assert "```{toctree}\n:hidden:\n:caption: Reference\n\nreference/api\nc\n```" in text


def test_every_page_is_in_the_index() -> None:
    """The navigation of the site is made of it, and nobody finds a page that nothing leads to."""
    assert {file.stem for file in DOCS.glob("*.md")} - {"index"} == set(site_markdown.PAGE_LINK.findall(INDEX))


def test_what_a_page_fetches_from_another_host_is_found(tmp_path: Path) -> None:
    """Scripts, fonts and styles, but not links that one follows."""
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="_static/a.css"><link rel="canonical" href="https://x.org/a.html">'
        '<script src="//x.org/s.js"></script><img src="a.png"><a href="https://x.org">x</a>'
    )
    (tmp_path / "a.css").write_text('@import "https://x.org/b.css"; @font-face { src: url(https://x.org/f.woff2) }')
    found = [(file.name, address) for file, address in site_html.foreign(tmp_path)]
    assert found == [("a.html", "//x.org/s.js"), ("a.css", "https://x.org/b.css"), ("a.css", "https://x.org/f.woff2")]


def test_pages_are_complete_for_keyboards_and_screen_readers(tmp_path: Path) -> None:
    """Blocks and tables that scroll can be reached, headings have a level, and regions a name."""
    page = tmp_path / "a.html"
    page.write_text('<aside class="sidebar-drawer"><p class="caption" role="heading">a</p></aside><pre>b</pre>')
    site_html.make_accessible(tmp_path)
    assert page.read_text() == (
        '<aside class="sidebar-drawer" aria-label="Pages"><p class="caption" role="heading" aria-level="2">a</p>'
        '</aside><pre tabindex="0">b</pre>'
    )


def test_the_site_is_built_in_ci() -> None:
    """With warnings as errors: dead links and anchors, pages in no navigation, keys without a text."""
    assert "make docs\n" in (ROOT / ".ci" / "run").read_text()
    [recipe] = re.findall(r"^docs: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"-W", "--keep-going"} <= set(recipe.split())
