"""A plugin with fixtures of all our names."""

import pytest


@pytest.fixture(params=["resnet", "vit"])
def model(request):
    return request.param


@pytest.fixture
def dataset():
    return "their dataset"


@pytest.fixture(params=["cpu", "tpu"])
def device(request):
    return request.param


@pytest.fixture
def golden(model):
    return f"{model}.png"


@pytest.fixture
def scores():
    return [0.5]


@pytest.fixture
def gates():
    return {"scores": 0.6}


@pytest.fixture
def latency():
    return 1.0


@pytest.fixture
def memory():
    return 1000
