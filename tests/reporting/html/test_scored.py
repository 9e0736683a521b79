"""What predictions say of single images."""

from dataclasses import replace

from imgcls.reporting.html import scored
from report_pages import make_document


def test_mistakes_come_by_confidence() -> None:
    """Those whose best class is not right for the folder."""
    document = make_document({"cat/1.jpg": 1, "cat/2.jpg": 0, "dog/3.jpg": 2})
    predictions = list(document.predictions or ())
    sure = replace(predictions[2], top=(predictions[2].top[0]._replace(probability=0.99),))
    [of] = scored.of(replace(document, predictions=(*predictions[:2], sure))).values()
    assert [mistake.path for mistake in of.at(list(of.mistakes()))] == ["dog/3.jpg", "cat/1.jpg"]


def test_mistakes_of_one_confidence_come_by_path() -> None:
    """In whatever order the document has them."""
    document = make_document({"cat/2.jpg": 1, "dog/3.jpg": 2, "cat/1.jpg": 1})
    [of] = scored.of(document).values()
    assert [mistake.path for mistake in of.at(list(of.mistakes()))] == ["cat/1.jpg", "cat/2.jpg", "dog/3.jpg"]


def test_copies_count_once() -> None:
    """As in the counts of the document."""
    document = make_document({"cat/1.jpg": 0, "cat/2.jpg": 0})
    copies = tuple(replace(prediction, image_sha256="aa") for prediction in document.predictions or ())
    [of] = scored.of(replace(document, predictions=copies)).values()
    assert (len(of), len(of.counted)) == (2, 1)


def test_an_image_without_a_label_is_no_mistake() -> None:
    """Nothing is right or wrong."""
    document = make_document({"cat/1.jpg": 1})
    unlabelled = tuple(replace(prediction, label=None) for prediction in document.predictions or ())
    [of] = scored.of(replace(document, predictions=unlabelled)).values()
    assert (list(of.mistakes()), of.labelled.tolist(), of.is_mistake.tolist()) == ([], [False], [False])


def test_predictions_are_grouped_by_image() -> None:
    """One a model, in the order of the results."""
    pairs = scored.of(make_document(models=("a", "b")))
    images = pairs["a", "photos"].images.tolist()
    assert pairs["b", "photos"].images.tolist() == images
    of_images = scored.by_image(pairs, images[1:])
    assert [[p.model for p in of] for of in of_images.values()] == [["a", "b"]] * 3
    assert [of[0].path for of in of_images.values()] == ["cat/2.jpg", "dog/3.jpg", "elk/4.jpg"]


def test_names_of_classes_are_those_of_the_predictions() -> None:
    """By number."""
    [of] = scored.of(make_document({"cat/1.jpg": 0})).values()
    assert of.class_names == {0: "cat", 1: "dog"}
