"""Tests that mean the fixtures of their plugin."""

import pytest


def test_model(model, device, dataset):
    assert (model, device) != ("vit", "tpu")
    assert dataset == "their dataset"


@pytest.mark.golden
def test_golden(golden):
    assert golden == "resnet.png"


@pytest.mark.accuracy
def test_accuracy(scores, gates):
    assert scores[0] >= gates["scores"]


@pytest.mark.latency
@pytest.mark.memory
def test_costs(latency, memory):
    assert latency * memory == 1000


@pytest.mark.parametrize("model", ["alexnet"])
def test_parameter(model):
    assert model == "alexnet"
