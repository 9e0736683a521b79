"""How much of a run is printed, and in how many columns."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgcls.reporting.text_table import NamedTable

WIDTH, NARROWEST = 80, 40  # docs/decisions.md#tables-of-80-columns


@dataclass(frozen=True, slots=True)
class Presentation:
    """``width``: characters of a line. ``verbosity``: below 0 only what does not pass, above 0 everything.

    ``columns``: those of the tables of models that were picked; ``option``: how that option is written.
    ``reported``: texts that a reader already has; what fails for a reason in one of them is only named.
    """

    width: int = WIDTH
    verbosity: int = 0
    columns: tuple[str, ...] = ()
    option: str = "--columns"
    reported: Sequence[str] = ()

    def text(self, table: NamedTable, *, way: str = "") -> str:
        """A table in these columns; ``way``: as in :func:`imgcls.reporting.text_table.text`."""
        from imgcls.reporting import text_table

        return text_table.text(table, self.width, way)


def terminal_width() -> int:
    """That of the terminal, or what COLUMNS states; 80 where there is neither or it is too narrow, as pytest has it."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    return width if width >= NARROWEST else WIDTH
