"""The progress of a pass: a bar on a terminal, a plain line every tenth elsewhere."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from imgcls.records.evaluation import Progress


@contextmanager
def shown(stream: TextIO) -> Iterator[Progress]:
    """A function that shows progress on ``stream``, until the context ends."""
    if not stream.isatty():
        with lines(stream) as report:
            yield report
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TextColumn, TimeRemainingColumn

    columns = (
        *Bar.get_default_columns()[:-1],
        TextColumn("{task.completed}/{task.total} images"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        tasks: dict[str, int] = {}

        def report(dataset: str, done: int, total: int) -> None:
            if dataset not in tasks:
                tasks[dataset] = bar.add_task(dataset, total=total)
            bar.update(tasks[dataset], completed=done, total=total)  # type: ignore[arg-type]  # TaskID is an int

        yield report


@contextmanager
def lines(stream: TextIO) -> Iterator[Progress]:
    """Progress in plain lines, which may stand between those of other writers."""
    report = _Lines(stream)
    try:
        yield report
    finally:
        report.end()


@contextmanager
def followed(read: Callable[[], list[tuple[str, int, int]]], report: Progress, every_s: float = 1.0) -> Iterator[None]:
    """While it is open, and once more at the end, report the progress that ``read`` returns of other processes."""
    ended = threading.Event()

    def follow() -> None:
        while True:
            last = ended.wait(every_s)
            for dataset, done, total in read():
                report(dataset, done, total)
            if last:
                return

    thread = threading.Thread(target=follow, name="imgcls-progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class _Lines:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.tenths: dict[str, int] = {}

    def __call__(self, dataset: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 10
        if tenth > self.tenths.get(dataset, 0) or (done == 0 and dataset not in self.tenths):
            self.tenths[dataset] = tenth
            self.stream.write(f"\n{dataset}: {done} of {total} images")
            self.stream.flush()

    def end(self) -> None:
        """Leave the cursor at the beginning of a line."""
        if self.tenths:
            self.stream.write("\n")
