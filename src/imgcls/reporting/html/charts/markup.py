"""Matplotlib's SVG as markup that may stand several times in one page, also where styles are blocked.

Content security policies forbid ``style`` attributes and elements, but not the presentation attributes of SVG that say
the same. Identifiers become unique in the page, black becomes the colour of the text around the chart, and the chart
is as wide as its place.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from imgcls.messages import printable

INK = "#010203"
"""What is drawn in this colour has the colour of the text around the chart."""

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"(?:^|(?<=url\())#([\w.-]+)")
_LEFT_OUT = frozenset({"font-family"})  # the page's own
_ROUND = {"stroke-linejoin": "round", "stroke-linecap": "butt"}  # of all elements, in matplotlib's style sheet


def presentational(svg: str, ident: str, title: str, description: str) -> str:
    """The same drawing as an element for a page: an image with a title, and its figures in words.

    ``ident``: unique in the page; all identifiers of the drawing begin with it.
    """
    root = ET.fromstring(svg)  # noqa: S314  # matplotlib wrote it, a moment ago
    _remove_style_sheets(root)
    _rename(root, ident)
    for element in root.iter():
        _present(element)
    _introduce(root, ident, printable(title), printable(description))
    return ET.tostring(root, encoding="unicode")


def _remove_style_sheets(root: ET.Element) -> None:
    for parent in list(root.iter()):
        for child in parent.findall(f"{{{_SVG}}}style"):
            parent.remove(child)


def _rename(root: ET.Element, ident: str) -> None:
    """Number what is referred to, in the order of the references, and forget all other identifiers."""
    values = (value for element in root.iter() for value in element.attrib.values())
    references = dict.fromkeys(name for value in values for name in _REFERENCE.findall(value))
    names = {name: f"{ident}-{number}" for number, name in enumerate(references, 1)}
    for element in root.iter():
        identifier = element.attrib.pop("id", None)
        for key, value in element.attrib.items():
            element.attrib[key] = _REFERENCE.sub(lambda match: f"#{names[match[1]]}", value)
        if identifier in names:
            element.set("id", names[identifier])


def _present(element: ET.Element) -> None:
    element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    link = element.attrib.pop(_LINK, None)
    if link:
        element.set("href", link)
    for declaration in filter(None, element.attrib.pop("style", "").split("; ")):
        name, _, value = declaration.partition(": ")
        if name not in _LEFT_OUT:
            element.set(name, "currentColor" if value == INK else value)
    element.tail = None
    if element.tag != "text":
        element.text = None


def _introduce(root: ET.Element, ident: str, title: str, description: str) -> None:
    names = {"title": f"{ident}-title", "desc": f"{ident}-desc"}
    root.attrib = {
        "xmlns": _SVG, "viewBox": root.attrib["viewBox"], "width": "100%", "role": "img",
        "aria-labelledby": names["title"], "aria-describedby": names["desc"], **_ROUND,
    }  # fmt: skip
    for place, (tag, text) in enumerate({"title": title, "desc": description}.items()):
        element = ET.Element(tag, {"id": names[tag]})
        element.text = text
        root.insert(place, element)
