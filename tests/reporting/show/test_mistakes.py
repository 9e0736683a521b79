"""Mistakes: the most confident ones come first."""

from dataclasses import replace

from imgcls.records.evaluation import ClassProbability
from imgcls.reporting.show import mistakes
from shown import make_shown

PAIR = make_shown({"cat/1.jpg": 0, "cat/2.jpg": 1, "cat/3.jpg": 2, "dog/1.jpg": 0, "dog/2.jpg": 1})
SURE = replace(
    PAIR,
    predictions=[
        replace(p, top=(p.top[0]._replace(probability=0.99), p.top[1])) if p.path == "dog/1.jpg" else p
        for p in PAIR.required_predictions()
    ],
)


def test_confident_and_wrong_comes_first() -> None:
    """Then by path; right images are not there."""
    assert [prediction.path for prediction in mistakes.of(SURE)] == ["dog/1.jpg", "cat/2.jpg", "cat/3.jpg"]
    assert mistakes.sheet(SURE).title == "net on photos: 3 of 5 images are wrong, the most confident first"


def test_a_row_is_enough_to_relabel() -> None:
    """Path, label, what was predicted and how likely it was, and the other classes of the best five."""
    row = mistakes.sheet(SURE).rows[0]
    assert [row[key] for key in mistakes.KEYS[:8]] == ["net", "photos", "dog/1.jpg", "dog", "dog", "cat", 0, 0.99]
    assert row["top5"] == (ClassProbability(0, "cat", 0.99), ClassProbability(1, "dog", 0.3))
