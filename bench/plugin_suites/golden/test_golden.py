"""One of two golden files differs from what is computed."""

import json
from pathlib import Path

import pytest


@pytest.mark.golden_test("golden/*.yml")
def test_number(golden):
    assert golden["number"] == golden.out["output"]


def test_users():
    assert json.loads((Path(__file__).parent / "golden/api/users.json").read_text()) == {"users": ["one"]}
