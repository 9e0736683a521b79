"""Weights that were trained here have their curves and their recipe."""

from imgcls.reporting.html import page
from imgcls.reporting.html.sections import training
from imgcls.reporting.html.view import Training
from imgcls.training.history import Epoch, SplitMetrics
from report_pages import NoImages, make_document, make_view, section

EPOCHS = (
    Epoch(1, 0.1, SplitMetrics(2.0, 0.4, 0.3), SplitMetrics(1.5, 0.5, 0.4), 100.0, 3.0),
    Epoch(2, 0.01, SplitMetrics(1.0, 0.7, 0.6), SplitMetrics(1.2, 0.75, 0.7), 100.0, 2.5),
)
TRAINED = Training("net", {"optimizer": "nadam", "epochs": 2}, EPOCHS, (3.0, 2.5))


def test_a_training_has_its_best_epoch_and_its_recipe() -> None:
    """And every epoch in a table."""
    read = section(page.render(make_document(), NoImages(), [TRAINED]), "training")
    assert "2 epochs; the weights are those of epoch 2, with a validation top-1 of 75.0 %." in read
    assert "optimizer nadam epochs 2" in read
    assert "2 0.01 1.0000 70.0 1.2000 75.0 70.0 2.5" in read


def test_curves_are_in_per_cent() -> None:
    """Accuracies as the chart takes them."""
    context = training.context(make_view(make_document(), trainings=[TRAINED]))
    assert context is not None
    [curve] = context["curves"]
    assert [(point.epoch, point.validation_top1, point.seconds) for point in curve.points] == [(1, 50, 3), (2, 75, 2.5)]


def test_without_a_training_there_is_no_section() -> None:
    """Nothing is empty."""
    assert training.context(make_view(make_document())) is None
