"""imgcls.reporting.ci.sections: flips and differences as GitHub shows them."""

from dataclasses import replace

import pytest

from ci_runs import make_comparison, make_gate, make_run
from imgcls.records.comparison import Flip
from imgcls.reporting.ci import sections


def test_two_models_of_one_run_are_named_both() -> None:
    """As ``imgcls compare`` holds one against the other."""
    two = make_comparison(["a.jpg"], before="alex", before_run="run.json", after_run="run.json")
    assert "\n".join(sections.comparison(two, make_run(), 20)).startswith("#### alex and net on photos\n")


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (0.0625, "no more uneven than chance explains (exact McNemar test, p = 0.0625)"),
        (0.05, "more uneven than chance explains (exact McNemar test, p = 0.0500)"),
        (1e-9, "more uneven than chance explains (exact McNemar test, p below 0.0001)"),
    ],
)
def test_the_exact_test_is_one_sentence(p_value: float, words: str) -> None:
    """What changed, and whether chance explains it; groups count once."""
    top1 = replace(make_comparison(["a"]).differences[0], p_value=p_value)
    text = "\n".join(sections.comparison(make_comparison(["a"], differences=(top1,)), make_run(), 20))
    assert f"on 1000 common images: 1 lost and 0 gained, which is {words}." in text
    grouped = make_comparison(["a"], differences=(replace(top1, of_images=4000),))
    assert "on 1000 groups of 4000 common images" in "\n".join(sections.comparison(grouped, make_run(), 20))


def test_kinds_of_flips_are_counted() -> None:
    """In the order of their weight; kinds without a flip are left out."""
    one = (0, "cat", 0.9)
    flips = (Flip("wrong to right", "a", "1", "cat", one, one), *make_comparison(["b", "c"]).flips)
    text = "\n".join(sections.comparison(make_comparison([], flips=flips), make_run(), 20))
    assert "3 images flipped, 2 right to wrong, 1 wrong to right:" in text


def test_an_image_without_a_label_is_in_the_table() -> None:
    """It is a flip only of an export, which may be compared without labels."""
    flip = Flip("right to wrong", "a.jpg", "1", None, (0, "cat", 0.9), (1, "dog", 0.8))
    assert "| a.jpg | None | 0 cat (0.90) | 1 dog (0.80) |" in sections.flips(make_comparison([], flips=(flip,)), 20)


def test_changes_are_a_list() -> None:
    """One line a gate."""
    gates = [make_gate(before="fail"), make_gate("skipped", before="pass")]
    assert sections.changed(gates) == (
        "- net on photos, top1 \\>= 0.6: fail in the baseline, pass now\n"
        "- net on photos, top1 \\>= 0.6: pass in the baseline, skipped now\n"
    ).replace("\\", "")
