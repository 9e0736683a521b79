"""The page of a history: one file, without scripts, which requests nothing."""

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

from builders import HOSTILE
from imgcls.comparison.history import History
from imgcls.reporting.history import page, table
from run_rows import make_history, make_run


@cache
def _history() -> History:
    return make_history(*(make_run(number, 4 * number) for number in range(4)))


def _page(history: History) -> str:
    return page.render(history, table.sheets(history, []))


def test_it_is_one_file_that_requests_nothing() -> None:
    """No script, no address, and a policy that allows neither; the same runs give the same bytes."""
    text = _page(_history())
    assert text == _page(_history())
    assert not re.search(r"<script|<link|<img|src=|@import|url\((?!#)", text)
    assert {*re.findall(r'https?://[^"\s<]+', text)} <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "unsafe" not in policy


def test_it_can_be_read_without_styles() -> None:
    """Charts have presentation attributes, and every figure is in a table."""
    text = _page(_history())
    assert " style=" not in text
    assert "DRIFT since r0" in text
    assert text.count("<tr>") == 5


def test_hostile_names_stay_text() -> None:
    """Of models, datasets and runs."""
    name = f'"><script>alert(1)</script>&{HOSTILE}'
    part = make_run(0, 0, images=3)
    result = replace(part.report.results[0], model=name)
    part = replace(part, report=replace(part.report, results=(result,)), predictions=())
    history = make_history(replace(part, file=part.file.with_name("x.json")))
    text = _page(history)
    assert "<script" not in text
    assert text.replace("\n", "").isprintable()
    parser = HTMLParser()
    parser.feed(text)
    parser.close()
