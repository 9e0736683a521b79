"""imgcls.session.garbage: what collects garbage meanwhile is the user's, and is left as it was."""

import gc
from collections.abc import Iterator

import pytest

from imgcls.session import garbage


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Those of the tests' own process are not changed."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("own", "meanwhile"), [(700, garbage.NEW_OBJECTS), (10**6, 10**6), (0, 0)])
def test_a_first_collection_waits_longer(own: int, meanwhile: int) -> None:
    """Never shorter than before; where there was none, there is none."""
    gc.set_threshold(own, 10, 10)
    with garbage.collected_rarely():
        assert gc.get_threshold() == (meanwhile, 10, 10)
    assert gc.get_threshold() == (own, 10, 10)


def test_runs_of_two_threads_leave_it_as_it_was() -> None:
    """Also where the first to begin is the first to end; until the last has ended, collections wait."""
    gc.set_threshold(700, 10, 10)
    first, last = garbage.collected_rarely(), garbage.collected_rarely()
    first.__enter__()
    last.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (garbage.NEW_OBJECTS, 10, 10)
    last.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


def test_an_error_leaves_it_as_it_was() -> None:
    """So that nothing of a run that failed stays."""
    gc.set_threshold(700, 10, 10)
    with pytest.raises(ValueError, match="no"), garbage.collected_rarely():
        raise ValueError("no")
    assert gc.get_threshold() == (700, 10, 10)
