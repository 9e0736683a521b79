"""Libraries that convert networks print, log and warn much: it is caught while they work, and nowhere else."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

_TALKATIVE = ("torch", "onnxscript", "onnx_ir", "nncf")
"""Names of loggers that print, or whose records Python itself would print on standard error."""


@contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Nothing of what is printed, logged or warned of gets out; the warnings are in the list afterwards."""
    with ExitStack() as stack:
        for logger in _loggers():
            stack.enter_context(_muted(logger))
        stack.enter_context(_root_left_alone())
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))  # torch prints the program that it could not finish
        issued = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        yield issued


def _loggers() -> list[logging.Logger]:
    """The talkative ones, and those below them that have handlers of their own."""
    below = tuple(f"{name}." for name in _TALKATIVE)
    known = [other for name, other in logging.Logger.manager.loggerDict.items() if name.startswith(below)]
    with_handlers = [logger for logger in known if isinstance(logger, logging.Logger) and logger.handlers]
    return [*map(logging.getLogger, _TALKATIVE), *with_handlers]


@contextmanager
def _muted(logger: logging.Logger) -> Iterator[None]:
    handlers, propagates = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagates


@contextmanager
def _root_left_alone() -> Iterator[None]:
    """``logging.warning()`` of a library installs a handler for good where there is none, so there is one meanwhile."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)
