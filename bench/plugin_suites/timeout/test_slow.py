"""One test that is too slow."""

import time

import pytest


@pytest.mark.timeout(0.2)
def test_slow():
    time.sleep(30)


def test_quick(memory):
    assert memory == 1


@pytest.fixture
def memory():
    return 1
