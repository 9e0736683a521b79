"""imgcls.cli.garbage: a command does not collect what it imports, and leaves Python as it was."""

import gc

from imgcls.cli import garbage
from imgcls.session.garbage import NEW_OBJECTS


def test_the_thresholds_are_restored() -> None:
    """Within the context a first collection waits for far more objects than by default."""
    before = gc.get_threshold()
    with garbage.collected_rarely():
        assert gc.get_threshold() == (max(NEW_OBJECTS, before[0]), *before[1:])
    assert gc.get_threshold() == before
