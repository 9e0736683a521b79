"""Child processes in which Python imports what it imports in this one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

STANDARD_LIBRARY = Path(os.__file__).parent
"""Before places with modules of the same names, which this process has imported long ago, or not at all."""


def environment() -> dict[str, str]:
    """This process's environment variables, with the places that it imports from, whatever it did to ``sys.path``."""
    places = [STANDARD_LIBRARY, *map(Path, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(place.absolute()) for place in places)}
