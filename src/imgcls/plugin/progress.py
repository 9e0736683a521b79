"""Where the plugin shows progress: past pytest's capturing, and of xdist's workers on the controller alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from imgcls.plugin import terminal

if TYPE_CHECKING:
    from imgcls.plugin.projects import Project
    from imgcls.records.evaluation import Progress


@contextmanager
def shown(project: Project) -> Iterator[Progress]:
    """A line on the terminal; workers have none and leave their progress in the store."""
    from imgcls.reporting import progress

    session = project.session
    if hasattr(project.config, "workerinput"):
        yield partial(session.store.put_progress, session.run_id)
        return
    with terminal.uncaptured(project.config), progress.below(sys.stderr) as report:
        yield report


@contextmanager
def of_workers(project: Project) -> Iterator[None]:
    """The progress that workers leave in the store."""
    store = project.session.options.store
    if not store:
        yield
        return
    from imgcls.reporting import progress
    from imgcls.store.runs import progress_of

    read = partial(progress_of, store, project.session.run_id)
    with terminal.uncaptured(project.config), progress.lines(sys.stderr) as lines, progress.followed(read, lines):
        yield
