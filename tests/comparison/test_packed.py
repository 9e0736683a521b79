"""imgcls.comparison.packed: predictions come back as they were, from memory and from disk."""

from pathlib import Path

import pytest

from imgcls.comparison.packed import PackedPredictions
from imgcls.errors import ConfigError
from imgcls.records import blocks
from imgcls.records.comparison import Prediction
from imgcls.records.evaluation import ClassProbability

TOP = (ClassProbability(3, "cat", 0.1 + 0.2), ClassProbability(1, "dög", 1e-300))

PREDICTIONS = [
    Prediction(model, dataset, f"cat/ü {number}.jpg", sha256, label, TOP[:classes], group)
    for model, dataset in (("net", "photos"), ("vit", "photos"), ("net", "digits"))
    for number, (sha256, label, classes, group) in enumerate(
        [("ab" * 32, "cat", 2, None), ("a", None, 1, "burst"), ("AB", "", 0, None), ("", "photos", 2, "net")]
    )
]


@pytest.mark.parametrize("in_memory", [blocks.IN_MEMORY, 0])
def test_predictions_come_back_as_they_were(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, also those of other programs, in order and by their positions."""
    monkeypatch.setattr(blocks, "IN_MEMORY", in_memory)
    predictions = PREDICTIONS * 100
    packed = PackedPredictions(iter(predictions))
    assert (len(packed), list(packed), packed == predictions) == (1200, predictions, True)
    assert list(packed.at([0, 700, 3])) == [predictions[0], predictions[700], predictions[3]]
    assert packed != PackedPredictions(predictions[:-1])
    assert PREDICTIONS[2] in packed


def test_an_empty_prediction_is_named() -> None:
    """By model and image."""
    with pytest.raises(ConfigError, match=r"^a\.json: the prediction of net for cat/ü 2\.jpg is empty$"):
        PackedPredictions(PREDICTIONS).require_classes(Path("a.json"))
    PackedPredictions(PREDICTIONS[:2]).require_classes(Path("a.json"))
