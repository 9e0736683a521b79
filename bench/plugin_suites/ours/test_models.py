"""The ready-made tests, and one of the kind that users write."""

from imgcls.suite import test_accuracy, test_golden  # noqa: F401


def test_own(imgcls_model, imgcls_dataset, imgcls_scores, imgcls_gates):
    imgcls_gates.check(imgcls_scores)
    assert (imgcls_model.name, imgcls_dataset.name) == (imgcls_scores.model, imgcls_scores.dataset)
