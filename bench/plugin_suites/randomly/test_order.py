"""Tests in an order that depends on the seed alone."""

import random

import pytest


@pytest.fixture(params=["a", "b"], scope="session")
def device(request):
    return request.param


@pytest.mark.parametrize("number", range(8))
def test_number(number, device):
    assert device in "ab"
    assert number != 3


def test_seed():
    assert 0 <= random.random() < 1  # noqa: S311 - not a secret
