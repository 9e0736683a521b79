"""Pairs of a document as questions read them, for tests of the answers."""

from collections.abc import Mapping
from typing import Any

import run_parts
from imgcls.reporting.show import selected
from imgcls.reporting.show.selected import Pair


def make_shown(images: Mapping[str, int], **values: Any) -> Pair:
    """``net`` on ``photos`` with the best class of each image by its path; folders are cat 0, dog 1 and elk 2."""
    [pair] = selected.pairs(run_parts.make_part("run.json", images, **values), None, None)
    return pair
