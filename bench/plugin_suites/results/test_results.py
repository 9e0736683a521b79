"""Every kind of result, with fixtures that have our names."""

import pytest


@pytest.fixture(params=["small", "large"])
def model(request):
    return request.param


@pytest.fixture
def broken_scores(model):
    raise ValueError(model)


def test_model(model):
    assert model == "small"


def test_error(broken_scores):
    pass


def test_skipped(model):
    pytest.skip(model)


@pytest.mark.xfail
def test_xfail(model):
    assert model == "large"


def test_undefined(latency):
    """Nobody defines it, so it is an error."""


@pytest.mark.golden
@pytest.mark.parametrize("golden", [1, 2])
def test_golden(golden):
    assert golden == 1
