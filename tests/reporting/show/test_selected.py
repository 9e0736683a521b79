"""What a question is about: pairs by model and dataset, or a message that names what there is."""

from dataclasses import replace

import pytest

import run_parts
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.reporting.show import selected

PART = run_parts.make_part("run.json", {"cat/1.jpg": 0, "cat/2.jpg": 1})
OTHER = run_parts.make_part("run.json", {"dog/1.jpg": 1}, model="other", dataset="animals")
BOTH = Part(
    PART.file,
    replace(PART.report, results=(*PART.report.results, *OTHER.report.results)),
    (*(PART.predictions or ()), *(OTHER.predictions or ())),
)


def test_a_pair_has_its_own_predictions() -> None:
    """And knows which of them are right."""
    first, second = selected.pairs(BOTH, None, None)
    assert [prediction.path for prediction in first.required_predictions()] == ["cat/1.jpg", "cat/2.jpg"]
    assert [first.is_right(prediction) for prediction in first.required_predictions()] == [True, False]
    assert second.title == "other on animals"
    assert selected.pairs(BOTH, "other", None) == [second]
    assert selected.pairs(BOTH, None, "photos") == [first]


@pytest.mark.parametrize(
    ("model", "dataset", "message"),
    [
        ("ent", None, "run.json: it has no model 'ent'; did you mean 'net'?"),
        (None, "x", "run.json: it has no dataset 'x'; known: photos, animals"),
        ("net", "animals", "run.json: net was not scored on animals in it"),
    ],
)
def test_unknown_names_are_refused(model: str | None, dataset: str | None, message: str) -> None:
    """With the nearest known one, or all."""
    with pytest.raises(ConfigError) as error:
        selected.pairs(BOTH, model, dataset)
    assert str(error.value) == message


def test_a_document_may_lack_what_a_question_needs() -> None:
    """Predictions, results, or the classes of a prediction."""
    [short] = selected.pairs(replace(PART, predictions=None), None, None)
    with pytest.raises(ConfigError, match=r"run.json: it holds no predictions.*without the option json-summary"):
        short.required_predictions()
    with pytest.raises(
        ConfigError, match=r"run.json: no model was scored in it; write it with imgcls score --json run"
    ):
        selected.pairs(replace(PART, report=replace(PART.report, results=())), None, None)
    empty = tuple(replace(prediction, top=()) for prediction in PART.predictions or ())
    with pytest.raises(ConfigError, match=r"run.json: the prediction of net for cat/1.jpg is empty"):
        selected.pairs(replace(PART, predictions=empty), None, None)


def test_a_label_with_one_class_has_its_name() -> None:
    """People read the name of a class where a folder is called n02123045; several right classes have no single name."""
    predictions = PART.predictions or ()
    assert selected.label_names({"n01": (1,), "pets": (0, 1), "n99": (2,)}, predictions) == {"n01": "dog", "n99": "elk"}
    assert selected.label_names({"n01": (7,)}, predictions) == {}
    assert selected.readable({"label": "n01", "label_name": "dog"}) == "dog"
    assert selected.readable({"label": "pets", "label_name": None}) == "pets"
