"""What stands before pytest-benchmark, of which a test of another project may be as well."""

from __future__ import annotations

from collections.abc import Generator

import pytest


class BaselineGuard:
    """Stands before pytest-benchmark when the tests are over; one for a pytest session, however many there are of ours.

    ``errors``: what ``--benchmark-compare`` could not do; reporting takes them. ``is_concerned``: whether
    a test timed a model, or would have; otherwise all benchmarks are somebody else's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.errors: list[str] = []
        self.is_concerned = config.getoption("dist", "no") != "no"  # what workers do is not known

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        session = self.config.pluginmanager.getplugin("pytest-benchmark")
        if session is not None and session.compare and self.is_concerned:
            from imgcls.plugin import baselines

            self.errors += [f"FAILED --benchmark-compare: {error}" for error in baselines.guarded(session)]
        return (yield)

    def taken(self) -> list[str]:
        """The errors, each only once."""
        errors, self.errors = self.errors, []
        return errors


def of(config: pytest.Config) -> BaselineGuard:
    """The guard of this pytest session, registered when it is first requested."""
    name = "imgcls.plugin.baselines"
    if not config.pluginmanager.has_plugin(name):
        config.pluginmanager.register(BaselineGuard(config), name)
    guard: BaselineGuard = config.pluginmanager.getplugin(name)
    return guard
