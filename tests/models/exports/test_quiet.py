"""imgcls.models.exports.quiet: nothing gets out while libraries convert, and afterwards everything is as it was."""

import logging
import sys
import warnings

import pytest

from imgcls.models.exports.quiet import quiet


def _talk() -> None:
    print("done ✅")  # noqa: T201 - as libraries do
    logging.getLogger("torch.onnx").warning("falling back")
    logging.getLogger("nncf").warning("few images")
    warnings.warn("deprecated", DeprecationWarning, stacklevel=1)


def test_nothing_gets_out(capfd: pytest.CaptureFixture[str]) -> None:
    """What is printed, logged or warned of reaches no stream; the warnings are returned."""
    with quiet() as issued:
        _talk()
    assert [str(warning.message) for warning in issued] == ["deprecated"]
    assert capfd.readouterr() == ("", "")


def test_everything_is_as_it_was() -> None:
    """Streams, filters and handlers are restored, also after an error."""
    loggers = [logging.getLogger(name) for name in ("", "torch", "nncf", "onnxscript")]
    before = [(list(logger.handlers), logger.propagate, logger.level) for logger in loggers]
    stream, filters = sys.stdout, list(warnings.filters)
    with pytest.raises(ValueError, match="no"), quiet():
        raise ValueError("no")
    assert [(list(logger.handlers), logger.propagate, logger.level) for logger in loggers] == before
    assert (sys.stdout, list(warnings.filters)) == (stream, filters)


def test_no_handler_is_installed_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """``logging.warning()`` of a library leaves the root logger without a handler where it had none."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with quiet():
        logging.warning("consider preprocessing")  # noqa: LOG015 - as ONNX Runtime does
    assert logging.getLogger().handlers == []
