"""What stands before pytest-benchmark when the tests are over."""

import pytest

from imgcls.plugin import benchmark_guard


def test_a_session_has_one_guard(pytestconfig: pytest.Config) -> None:
    """However many configurations have tests in it."""
    manager = pytestconfig.pluginmanager
    before = manager.getplugin("imgcls.plugin.baselines")
    guard = benchmark_guard.of(pytestconfig)
    try:
        assert benchmark_guard.of(pytestconfig) is guard
        assert manager.getplugin("imgcls.plugin.baselines") is guard
    finally:
        if before is None:
            manager.unregister(guard)


def test_an_error_is_taken_once(pytestconfig: pytest.Config) -> None:
    """The first configuration that reports states it."""
    guard = benchmark_guard.BaselineGuard(pytestconfig)
    guard.errors.append("FAILED --benchmark-compare: no file")
    assert guard.taken() == ["FAILED --benchmark-compare: no file"]
    assert guard.taken() == []
