"""Charts may stand several times in one page, in any scheme, under any policy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import drawn
from drawn import CHARTS, SVG, chart, description, parsed, texts, title
from imgcls.reporting.html.charts.markup import element, number

HOSTILE = "</text></svg><script>alert(1)</script> $x_1$ & \"'\x1b[31m\x00\ud800\u202e\n"
SPELLED = "</text></svg><script>alert(1)</script> $x_1$ & \"'\\x1b[31m\\x00\\ud800\\u202e\\n"

each_chart = pytest.mark.parametrize("word", CHARTS)


@each_chart
def test_nothing_is_styled_inline(word: str) -> None:
    """A policy that forbids inline styles changes nothing: there are presentation attributes only."""
    root = parsed(chart(word))
    assert not list(root.iter(f"{SVG}style"))
    assert not [element for element in root.iter() if "style" in element.attrib]
    assert {element.get("font-size") for element in root.iter(f"{SVG}text")} <= {"9px", "11px"}


@each_chart
def test_it_scales(word: str) -> None:
    """A chart is as wide as its place and keeps its proportions."""
    root = parsed(chart(word))
    assert (root.get("width"), root.get("height")) == ("100%", None)
    assert re.fullmatch(r"0 0 440 \d+", root.attrib["viewBox"])


@each_chart
def test_colours_are_seen_on_white_and_on_the_dark_page(word: str) -> None:
    """What is drawn is in the colour of the page's text, or in one with a contrast of 3 to both."""
    root = parsed(chart(word))
    drawn = {element.get(kind, "none") for element in root.iter() for kind in ("fill", "stroke")}
    colours = {colour for colour in drawn if not colour.startswith("url(#c-")} - {"none", "currentColor"}
    assert "currentColor" in drawn
    assert {
        colour for colour in colours if not _contrast(colour, "#ffffff") >= 3 <= _contrast(colour, "#16181d")
    } == set()


def _contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.2, relative luminance)."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [part / 255 for part in bytes.fromhex(colour.removeprefix("#"))]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@each_chart
def test_it_is_an_image_with_its_figures_in_words(word: str) -> None:
    """Who does not see the chart is read its title and its figures."""
    root = parsed(chart(word))
    names = {element.get("id"): element.text for element in root}
    assert root.get("role") == "img"
    assert names[root.get("aria-labelledby")] == title(chart(word))
    assert re.search(r"\d", names[root.get("aria-describedby")] or "")


@each_chart
def test_names_stay_text(word: str) -> None:
    """A name of markup, formulas and controls is spelled; nothing of it becomes an element."""
    hostile = chart(word, HOSTILE)
    root = parsed(hostile)
    assert not list(root.iter(f"{SVG}script"))
    assert "<script" not in hostile
    assert SPELLED in f"{title(hostile)} {description(hostile)}"
    assert [text for text in texts(hostile) if not text.isprintable()] == []


def test_letters_of_every_script_are_drawn_without_a_warning() -> None:
    """Which font has them is the browser's business."""
    assert any(text.startswith("犬 🐕 כלב") for text in texts(chart("bars", "犬 🐕 כלב")))


def test_identifiers_are_unique_in_a_page() -> None:
    """Two charts of the same figures share no identifier, and each refers to its own only."""
    for word in CHARTS:
        one, other = chart(word, ident="one"), chart(word, ident="other")
        identifiers = re.findall(r' id="([^"]+)"', one)
        assert len(identifiers) == len(set(identifiers))
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', one)) <= {
            *((name, "") for name in identifiers),
            *(("", name) for name in identifiers),
        }
        assert set(identifiers).isdisjoint(re.findall(r' id="([^"]+)"', other))
        assert one.replace("one-", "other-") == other


@pytest.mark.slow
def test_the_same_figures_give_the_same_bytes() -> None:
    """Also in another process, whose hashes are others; it imports no library that draws, which would take longer."""
    code = """if True:
        import sys
        import drawn

        sys.stdout.write("".join(map(drawn.chart, drawn.CHARTS)))
        assert "matplotlib" not in sys.modules
    """
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(drawn.__file__).parent)}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    assert other == "".join(map(chart, CHARTS)).encode()


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (-0.001, "0"), (12.345, "12.35"), (-3.10, "-3.1"), (100, "100")]
)
def test_numbers_have_two_decimals_at_most(value: float, text: str) -> None:
    """None of which is a zero at the end."""
    assert number(value) == text


def test_what_is_none_is_no_attribute() -> None:
    """Text and values are escaped, and underscores are hyphens."""
    assert (
        element("text", "<b>", text_anchor='"', opacity=None, x=1.5)
        == '<text text-anchor="&#34;" x="1.5">&lt;b&gt;</text>'
    )
    assert element("g", element("path", d="M0 0")) == '<g><path d="M0 0"/></g>'
