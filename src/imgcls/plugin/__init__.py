"""The pytest plugin: options, markers and the hooks that every run passes. The rest is in its modules.

This file is imported by every pytest run in an environment that has imgcls, so it imports next to nothing.
"""

from typing import TYPE_CHECKING, Any

import pytest

from imgcls.session import options

if TYPE_CHECKING:
    from imgcls.plugin.hooks import PluginSession

SESSION: "pytest.StashKey[PluginSession]" = pytest.StashKey()
OURS = frozenset({"scores", "gates", "golden", "latency", "memory"})


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_to_pytest(parser.getgroup("imgcls", "image classifiers"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "accuracy: scores a model on a dataset and holds it against its gate")
    config.addinivalue_line("markers", "golden: compares a model's predictions with its golden record")
    config.addinivalue_line("markers", "latency(p95_ms=40): times a model and holds it against its limits")
    config.addinivalue_line("markers", 'memory(host="400 MB"): measures a model and holds it against its limits')
    from imgcls.config.discovery import find
    from imgcls.errors import ConfigError

    try:
        requested = options.RunOptions.from_pytest(config)
        files = requested.config or tuple(file for file in [find(config.rootpath)] if file)
        if files:
            from imgcls.plugin.hooks import PluginSession

            config.stash[SESSION] = PluginSession.opened(config, requested, files)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that requests scores needs a configuration; the built-in dataset is nobody's default.

    A worker of xdist must not end the session: there pytest itself reports that the fixture is not found.
    """
    if SESSION in config.stash or hasattr(config, "workerinput"):
        return
    for item in items:
        definitions: Any = getattr(item, "_fixtureinfo", None)
        requested = OURS.intersection(getattr(item, "fixturenames", ()))
        if any(name not in definitions.name2fixturedefs for name in requested):
            raise pytest.UsageError(
                f"{item.nodeid} requests {' and '.join(sorted(requested))}, and there is no imgcls.toml or "
                f"[tool.imgcls] from {config.rootpath} upwards: write one, or name one with --imgcls-config FILE"
            )
