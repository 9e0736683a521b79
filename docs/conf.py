"""Sphinx's configuration of the site: ``make docs``. The pages are the Markdown files of this folder."""

import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "scripts"))

import reference_pages  # noqa: E402 - from the folder above
import site_html  # noqa: E402
import site_markdown  # noqa: E402

PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
REPOSITORY = site_markdown.repository(PROJECT)

project = "imgcls"
author = "The imgcls authors"
release = metadata.version("imgcls")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!imgcls\.(api|errors)\.).*")]  # other types have no page of their own
smartquotes = False  # two hyphens are two hyphens
highlight_language = "text"
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"imgcls {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}  # generated pages are not in the repository


def _write_reference(_app: Any) -> None:
    reference_pages.write(DOCS / "reference")


def _prepare(_app: Any, name: str, source: list[str]) -> None:
    if name == "index":
        names = [f"reference/{page}" for page in reference_pages.PAGES]
        titles = {page: site_markdown.title((DOCS / f"{page}.md").read_text()) for page in names}
        source[0] = site_markdown.with_navigation(source[0], titles)
    source[0] = site_markdown.linked_outside(source[0], name, DOCS.parent, REPOSITORY)


def _finish(app: Any, exception: Exception | None) -> None:
    if exception is None:
        site_html.make_accessible(Path(app.outdir))
        if fetched := list(site_html.foreign(Path(app.outdir))):
            raise ValueError(f"a page fetches from another host: {fetched}")


def setup(app: Any) -> None:
    app.connect("builder-inited", _write_reference)
    app.connect("source-read", _prepare)
    app.connect("build-finished", _finish)
