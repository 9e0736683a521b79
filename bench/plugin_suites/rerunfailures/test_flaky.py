"""One test that passes when it is run again, and one that never does."""

RUNS = []


def test_flaky():
    RUNS.append(1)
    assert len(RUNS) == 2


def test_broken():
    raise AssertionError
