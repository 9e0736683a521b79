"""What the pages of the built site must be besides: usable with a keyboard and a screen reader, and of one host."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

LABELS: Mapping[str, str] = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What the theme leaves out: levels of headings, names of regions, and a way to scroll without a mouse."""


def make_accessible(site: Path) -> None:
    """Complete every page of a built site."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        for incomplete, complete in LABELS.items():
            text = text.replace(incomplete, complete)
        page.write_text(text)


class _Resources(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        fetched = given.get("src") or (given.get("href") if tag == "link" else None)
        if fetched and given.get("rel") not in {"canonical", "next", "prev", "search", "index"}:
            self.addresses.append(fetched)


def foreign(site: Path) -> Iterator[tuple[Path, str]]:
    """What pages and style sheets of a built site fetch from other hosts: the file, and the address."""
    for page in sorted(site.rglob("*.html")):
        resources = _Resources()
        resources.feed(page.read_text())
        yield from ((page, address) for address in resources.addresses if re.match(r"(?:https?:)?//", address))
    for sheet in sorted(site.rglob("*.css")):
        addresses = re.findall(r"(?:url\(|@import\s)\s*[\"']?((?:https?:)?//[^\"')\s]+)", sheet.read_text())
        yield from ((sheet, address) for address in addresses)
