"""imgcls.reporting.ci.comment: the one comment of a pull request, silent where nothing moved."""

import re
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from ci_runs import HOSTILE_NAMES, make_comparison, make_gate, make_run
from imgcls import messages
from imgcls.reporting.ci import comment
from imgcls.reporting.next_steps import Places

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _rows(markdown: str) -> list[list[str]]:
    """The cells of all tables, as they are read; without the spaces that keep words apart."""
    tokens, rows = GITHUB.parse(markdown), list[list[str]]()
    for token, inner in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"td_open", "th_open"}:
            assert {child.type for child in inner.children or ()} <= {"text", "text_special"}
            rows[-1].append("".join(child.content for child in inner.children or ()).replace("\u200b", ""))
    return rows


@pytest.mark.parametrize(
    "run",
    [
        make_run(),
        make_run(make_gate()),
        make_run(make_gate(before="pass"), comparisons=[make_comparison([])]),
        make_run(make_gate("inconclusive", holds=True, before="inconclusive")),
    ],
)
def test_where_nothing_moved_it_is_empty(run: object) -> None:
    """No flip, and no verdict that fails or changed: not one byte."""
    assert comment.text(run) == ""  # type: ignore[arg-type]  # they are runs


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (make_run(make_gate("fail")), "**FAIL** net on photos, top1 >= 0.6: top1 0.6120"),
        (make_run(make_gate("fail", before="pass")), "**FAIL** (pass in the baseline) net on photos"),
        (make_run(make_gate(before="fail")), "net on photos, top1 >= 0.6: fail in the baseline, pass now"),
        (make_run(make_gate(), comparisons=[make_comparison(["cat/1.jpg"])]), "| cat/1.jpg | cat | 0 cat (0.93) |"),
    ],
)
def test_whatever_moved_is_named(run: object, expected: str) -> None:
    """A gate that fails, a verdict that changed, an image that flipped."""
    text = comment.text(run)  # type: ignore[arg-type]  # they are runs
    assert text.startswith("<!-- imgcls -->\n### imgcls: ")
    assert expected in text


def test_what_failed_has_its_next_step() -> None:
    """With the files of this run in it."""
    run = make_run(make_gate("fail"), places=Places("--imgcls-", "run.json", "main.json"))
    assert "- **FAIL** net on photos, top1 >= 0.6: " in comment.text(run)
    assert "\n  - the wrong images: imgcls show run.json --mistakes\n" in comment.text(run)


def test_flips_have_the_exact_test_and_the_first_twenty_names() -> None:
    """Image, label, before and after; and how many others there are, and where."""
    text = comment.text(make_run(comparisons=[make_comparison([f"cat/{number}.jpg" for number in range(23)])]))
    assert "#### net on photos, against main.json" in text
    assert "23 images flipped, 23 right to wrong:" in text
    assert (
        "\nTop-1 accuracy went from 61.20 % to 58.90 % on 1000 common images: 23 lost and 0 gained, which is no more "
        "uneven than chance explains (exact McNemar test, p = 0.0625).\n"
    ) in text
    header, *rows = _rows(text)
    assert header == ["image", "label", "before", "after", "flip"]
    assert [row[0] for row in rows] == [f"cat/{number}.jpg" for number in range(20)]
    assert rows[0][1:] == ["cat", "0 cat (0.93)", "1 dog (0.70)", "right to wrong"]
    assert "and 3 more, which are in the result document run.json." in text


def test_hostile_names_are_read_as_they_are_written() -> None:
    """In a table of as many cells; the marker stands only in the first line, and nobody is mentioned."""
    text = comment.text(
        make_run(comparisons=[make_comparison([name for name in HOSTILE_NAMES if len(name) < 200][:20])])
    )
    assert [row[0] for row in _rows(text)[1:]] == [messages.spelled(name) for name in HOSTILE_NAMES[:20]]
    assert text.count("<!--") - text.count(r"\<!--") == 1
    assert not re.search(r"@[A-Za-z0-9]|://|\bwww\.|(?<!&)#\d", text)


def test_hostile_messages_and_models_stay_text() -> None:
    """Of every gate, in whatever it is called."""
    for name in HOSTILE_NAMES:
        text = comment.text(make_run(make_gate("fail", message=name, subject=name), title=name))
        kinds = {child.type for token in GITHUB.parse(text) for child in token.children or ()}
        assert kinds <= {"text", "text_special", "strong_open", "strong_close"}, name
        assert not re.search(r"@[A-Za-z0-9]|://|\bwww\.|(?<!&)#\d", text)


def test_it_is_below_the_limit_of_github() -> None:
    """However many models there are and however long their names; it ends with where the rest is."""
    paths = ["é" * 255 + f"/{number}.jpg" for number in range(30)]
    gates = [make_gate("fail", message="|" * 5000, subject=f"{'n' * 100}{number}") for number in range(500)]
    text = comment.text(make_run(*gates, comparisons=[make_comparison(paths)] * 200))
    assert len(text.encode()) <= 65_000
    assert text.endswith("The rest is in the result document run.json.\n")


def test_many_failures_are_counted() -> None:
    """Fifty of them are named."""
    text = comment.text(make_run(*[make_gate("fail")] * 53))
    assert text.count("**FAIL**") == 50
    assert "- and 3 more, which are in the result document run.json\n" in text
