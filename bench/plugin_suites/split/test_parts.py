"""Four tests, of which a group has two."""

import pytest


@pytest.mark.parametrize("model", [1, 2, 3, 4])
def test_part(model):
    assert model != 2
