"""Elements of SVG that may stand several times in one page, also where styles are blocked.

Content security policies forbid ``style`` attributes and elements, but not the presentation attributes of SVG that say
the same.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from imgcls.messages import printable

INK = "currentColor"
"""What is drawn in this colour has the colour of the text around the chart."""


def element(tag: str, *content: str, **attributes: str | float | None) -> Markup:
    """An element; underscores in names stand for hyphens, None leaves an attribute out, and text is escaped."""
    written = "".join(f' {name.replace("_", "-")}="{_value(of)}"' for name, of in attributes.items() if of is not None)
    inside = "".join(map(escape, content))
    return Markup(f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>")  # noqa: S704 - escaped


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A number in as few characters as two decimals need."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def image(ident: str, size: tuple[float, float], title: str, description: str, *drawing: Markup) -> str:
    """A drawing of this width and height as an element that is as wide as its place.

    ``ident``: unique in the page; ``title`` and ``description``: for those who do not see the drawing.
    """
    names = {"title": f"{ident}-title", "desc": f"{ident}-desc"}
    return element(
        "svg",
        element("title", printable(title), id=names["title"]),
        element("desc", printable(description), id=names["desc"]),
        *drawing,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        width="100%",
        role="img",
        aria_labelledby=names["title"],
        aria_describedby=names["desc"],
        fill=INK,
        stroke_linejoin="round",
    )
