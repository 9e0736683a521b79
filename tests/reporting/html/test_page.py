"""The report is one file that needs nothing, and whatever names hold stays text."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePath

import pytest

import report_pages
from builders import make_latency
from imgcls import messages
from imgcls.records.evaluation import Failure
from imgcls.reporting.html import budget, page, source, thumbnails
from imgcls.reporting.html.document import Document
from report_pages import GivenImages, NoImages, elements, make_comparison, make_document, rendered, section, words

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE images; --",
    "{{ 7 * 7 }}{% raw %}",
    "a\u202egpj.exe",
    "\x1b[31mred\x1b[0m",
    "line\nbreak\tand\rreturn",
    "not UTF-8: \udcff",
    "</script><!--",
    "&amp;&lt;",
    "\u2028\u2029",
    "x" * 255,
)


@pytest.fixture(scope="module")
def html() -> str:
    """The report of a run with flips and mistakes."""
    return rendered(make_document(comparisons=(make_comparison(),)), GivenImages())


def test_the_sections_come_in_the_order_in_which_one_decides(html: str) -> None:
    """Verdicts first; what was not tested has no section."""
    names = [str(of["id"]) for tag, of in elements(html) if tag == "section"]
    assert names == [name for name in page.SECTIONS if name in names]
    assert names[:4] == ["verdicts", "models", "flips", "mistakes"]
    assert "deployment" not in names


@pytest.mark.parametrize(("images", "times"), [(NoImages(), 1), (GivenImages(), 2)])
def test_a_page_without_thumbnails_is_made_once(
    images: thumbnails.Images, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only to know how many thumbnails fit, it is made without them first."""
    made: list[str] = []
    make = page._html

    def noted(*given: object) -> str:
        made.append(make(*given))  # type: ignore[arg-type]  # as they came
        return made[-1]

    monkeypatch.setattr(page, "_html", noted)
    assert rendered(make_document(), images) == made[-1]
    assert len(made) == times


def test_nothing_is_fetched_and_nothing_is_styled_inline(html: str) -> None:
    """No element names an address outside of the file, none has a style or a handler of its own."""
    for tag, attributes in elements(html):
        for name, value in attributes.items():
            assert name != "style", tag
            assert not name.startswith("on"), tag
            if name in {"src", "href", "data", "action"}:
                assert str(value).startswith(("#", "data:image/")), (tag, value)


def test_the_policy_allows_our_own_style_and_script_only(html: str) -> None:
    """By their hashes, which are those of what is in the file."""
    [policy] = [of["content"] for tag, of in elements(html) if of.get("http-equiv") == "Content-Security-Policy"]
    for kind in ("style", "script"):
        [source] = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'; img-src data:; ")


def test_the_script_is_small() -> None:
    """Below 10 KB."""
    assert len(source.own_file("script.js").encode()) < 10_000


def test_the_same_input_gives_the_same_bytes(html: str) -> None:
    """From the document to the last chart."""
    again = rendered(make_document(comparisons=(make_comparison(),)), GivenImages())
    made_at = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00|sha256:[0-9a-f]{64}")
    assert made_at.sub("", again) == made_at.sub("", html)


def test_headings_are_in_order(html: str) -> None:
    """No level is left out."""
    levels = [int(tag[1]) for tag, _ in elements(html) if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_identifiers_are_unique_and_links_lead_somewhere(html: str) -> None:
    """Every link within the file."""
    names = [str(of["id"]) for _, of in elements(html) if "id" in of]
    assert len(names) == len(set(names))
    targets = {str(of["href"])[1:] for tag, of in elements(html) if str(of.get("href")).startswith("#")}
    assert targets <= set(names)


def test_a_thumbnail_is_in_the_file_once(html: str) -> None:
    """However many places show it: cat/2.jpg flipped, is a mistake, and has a row."""
    assert html.count("data:image/webp") == len(report_pages.IMAGES)
    uses = [of["href"] for tag, of in elements(html) if tag == "use" and str(of["href"]).startswith("#t")]
    assert len(uses) > len(set(uses)) == len(report_pages.IMAGES)


def test_images_that_are_gone_keep_their_rows() -> None:
    """Without a thumbnail, with the reason once."""
    html = rendered(make_document(), NoImages())
    assert "data:image/webp" not in html
    images = section(html, "images")
    assert all(path in images for path in report_pages.IMAGES)
    assert "0 have a thumbnail, 4 have none" in images


def _named(names: Sequence[str], whole: str) -> Document:
    """Images and classes of these names, by a model and on a dataset that is called like all of them."""
    paths = [messages.path_text(PurePath(f"cat/{name.replace('/', ':')}")) for name in names]
    document = make_document(dict.fromkeys(paths, 1))
    results = tuple(replace(r, model=whole, dataset=whole) for r in document.report.results)
    predictions = [
        replace(p, model=whole, dataset=whole, top=(p.top[0]._replace(name=name), *p.top[1:]))
        for p, name in zip(document.predictions or (), names, strict=True)
    ]
    return replace(document, report=replace(document.report, results=results), predictions=tuple(predictions))


def test_hostile_names_stay_text() -> None:
    """As a path, a class, a model and a dataset: the same elements as with harmless names, and every character seen."""
    html = rendered(_named(HOSTILE, "".join(HOSTILE)))
    harmless = rendered(_named([f"name {number}" for number in range(len(HOSTILE))], "name"))
    assert Counter(tag for tag, _ in elements(html)) == Counter(tag for tag, _ in elements(harmless))
    read = words(html)
    assert not {"\x1b", "\u202e", "\u2028", "\udcff"}.intersection(read)
    assert "<script>alert(1)</script>" in read
    assert "\\xff" in read
    html.encode()


def test_names_are_isolated_from_the_direction_of_their_neighbours(html: str) -> None:
    """Each stands in an element of its own."""
    assert "<bdi>cat/2.jpg</bdi>" in html


def test_a_document_without_predictions_has_its_tables() -> None:
    """Only what is about single images is left out."""
    document = replace(make_document(), predictions=None)
    html = rendered(document)
    names = {of["id"] for tag, of in elements(html) if tag == "section"}
    assert names >= {"verdicts", "models", "classes", "provenance"}
    assert names.isdisjoint({"mistakes", "confusion", "confidence", "images"})
    assert "no predictions" in section(html, "verdicts")


def test_a_run_in_which_nothing_was_scored_is_a_page() -> None:
    """One that only measured, and one whose models failed."""
    document = make_document(latencies=(make_latency(),))
    [result] = document.report.results
    failed = replace(result, failure=Failure(3, "no weights"), scored=0, top1=None, classes={}, overall_top5=())
    for results, named in (((), {"models", "costs"}), ((failed,), {"models", "costs"})):
        html = rendered(replace(document, report=replace(document.report, results=results), predictions=()))
        assert named <= {of["id"] for tag, of in elements(html) if tag == "section"}
        assert "no predictions" not in section(html, "verdicts")


def test_thumbnails_that_do_not_fit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report stays below its limit, shows those that matter most, and says how many it does not show."""
    document = make_document({f"cat/{number}.jpg": 1 for number in range(20)})
    bare = len(rendered(document).encode())
    content = b"x" * 3_000
    limit = bare + 5 * (len(thumbnails.data_uri(content)) + budget.REFERENCE_BYTES) + 100
    monkeypatch.setattr(budget, "most_bytes", lambda _: limit)
    html = rendered(document, GivenImages(content))
    assert html.count("data:image/webp") == 5
    assert len(html.encode()) <= limit
    assert "5 have a thumbnail, 15 have none" in section(html, "images")
