"""The ready-made tests. A whole test file is ``from imgcls.suite import *``.

Each text is what one would write oneself: the fixtures come from the plugin.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from imgcls.harness import Gates
    from imgcls.records import Scores

__all__ = ["test_accuracy"]


@pytest.mark.accuracy
def test_accuracy(scores: "Scores", gates: "Gates") -> None:
    """Every model is as accurate on every data set as its gate says."""
    gates.check(scores)
