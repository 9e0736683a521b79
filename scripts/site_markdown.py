"""What the pages of ``docs/`` become on their way into the site; in the repository they read well as they are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
PAGE_LINK = re.compile(r"\]\(([\w-]+)\.md\)")

REFERENCE = "Reference"
"""The section of the index that also has the generated pages."""


def repository(project: Mapping[str, Any]) -> str:
    """The address of the repository, from the table ``[project]`` of pyproject.toml."""
    return str(project["urls"]["Source"]).rstrip("/")


def linked_outside(text: str, page: str, root: Path, address: str) -> str:
    """A page with its links to files outside of ``docs/`` leading into the repository.

    ``page``: its name below ``docs/``, from which its links are relative; ``root``: the folder of the repository.
    """
    up = re.escape("../" * (page.count("/") + 1))

    def link(match: re.Match[str]) -> str:
        kind = "tree" if (root / match[1]).is_dir() else "blob"
        return f"{address}/{kind}/main/{match[1]}{match[2] or ''}"

    return re.sub(rf"(?<=\]\(){up}(?!docs/)([^)\s#]*)(#[^)\s]*)?(?=\))", link, text)


def with_navigation(index: str, generated: Mapping[str, str]) -> str:
    """The index with a hidden table of contents per section, of the pages that it links to, in their order.

    ``generated``: the pages that are made from the code and stand in no repository, with their titles.
    """
    title, *parts = HEADING.split(index)
    sections = zip(parts[::2], parts[1::2], strict=True)
    return "".join([title, *(_section(name, text, generated) for name, text in sections)])


def _section(name: str, text: str, generated: Mapping[str, str]) -> str:
    pages = list(dict.fromkeys(PAGE_LINK.findall(text)))
    if name == REFERENCE:
        pages = [*generated, *pages]
        text = "\n\n" + "".join(f"- [{title}]({page}.md)\n" for page, title in generated.items()) + text.lstrip("\n")
    contents = "\n".join(pages)
    return f"## {name}{text.rstrip()}\n\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n{contents}\n```\n\n"


def title(page: str) -> str:
    """The first heading of a page."""
    return page.partition("\n")[0].removeprefix("# ")
