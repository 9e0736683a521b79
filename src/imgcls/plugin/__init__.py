"""The pytest plugin: options, markers and the hooks that every run passes. The rest is in its modules.

This file is imported by every pytest run in an environment that has imgcls, so it imports next to nothing. Nothing
else of the plugin takes part in a run before a test requests one of our fixtures.
"""

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imgcls.errors import ConfigError
from imgcls.messages import printable
from imgcls.session import options

if TYPE_CHECKING:
    from imgcls.plugin.hooks import PluginSession

SESSION: "pytest.StashKey[PluginSession]" = pytest.StashKey()

PREFIX = "imgcls_"
NAMES = (
    *("model", "dataset", "device", "golden", "scores", "gates", "latency", "memory"),
    *("parity", "serving", "contracts"),
)
"""Our fixtures: each is always there with the prefix, and without it where nobody else has a fixture of this name."""

OURS = frozenset(f"{PREFIX}{name}" for name in NAMES)

MARKER = "imgcls"

MARKERS = (
    "accuracy: scores a model on a dataset and holds it against its gate",
    "golden: compares a model's predictions with its golden record",
    "latency(p95_ms=40): times a model and holds it against its limits",
    'memory(host="400 MB"): measures a model and holds it against its limits',
    "parity: compares what ships, exports and serving, with what was tested",
    "contract: tries what every model should keep, whatever it was trained for",
    "imgcls(models=[...], datasets=[...]): only these of the configuration",
)
"""Our markers, as ``pytest --markers`` prints them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_to_pytest(parser.getgroup("imgcls", "image classifiers"))


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    from imgcls.plugin import fixtures

    config.pluginmanager.register(fixtures, "imgcls.plugin.fixtures")
    try:
        _begin(config)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


def _begin(config: pytest.Config) -> None:
    """What cannot wait until a test requests something. Raises ConfigError."""
    options.RunOptions.from_pytest(config)
    is_controller = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    try:
        if (is_controller or is_requested(config)) and _has_configuration(config):
            plugin = session_of(config)
            if is_controller:
                plugin.open_start()
    except ConfigError:
        if is_requested(config):  # else nobody knows yet whether a test is ours; one that is ends the session
            raise


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """The short names of our fixtures yield to every other fixture of such a name.

    What a plugin has by now goes before ours because ours is left out, and what a conftest or a module has, because it
    is nearer to the test.
    """
    from imgcls.plugin import fixtures

    manager: Any = session._fixturemanager  # noqa: SLF001 - pytest has no other door to the fixtures of plugins
    free = [name for name in NAMES if not manager.getfixturedefs(name, session)]
    session.config.pluginmanager.register(fixtures.short(free), "imgcls.plugin.short_names")


@pytest.hookimpl(wrapper=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None, None, None]:
    """Only a test that requests one of our fixtures is given models, datasets and devices; our marker is checked."""
    if OURS.isdisjoint(metafunc.fixturenames) and not metafunc.definition.get_closest_marker(MARKER):
        return (yield)
    generation = session_of(metafunc.config).generation(metafunc)
    generation.begin()
    result = yield
    generation.end()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Every worker of xdist belongs to this run."""
    node.workerinput["imgcls_run"] = run_id(node.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """The controller of xdist collects nothing, and learns here of which files its workers have tests."""
    config = node.config
    files = {config.rootpath / node_id.partition("::")[0] for node_id in ids}
    if SESSION in config.stash or _is_near(files):
        session_of(config).open_reported(files)
        session_of(config).begin_running()


def _is_near(files: Iterable[Path]) -> bool:
    """Whether a configuration is in reach of one of these files, also one that cannot be read."""
    from imgcls.config.discovery import find

    try:
        return any(find(folder) for folder in {file.parent for file in files})
    except ConfigError:
        return True


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """A document is written where tests were run, and is complete where they ran to the end."""
    if plugin := session.config.stash.get(SESSION, None):
        plugin.begin_running()
    result = yield
    if plugin := session.config.stash.get(SESSION, None):
        plugin.end_running()
    return result


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Options without effect are named: a document that was requested is not just absent."""
    config = terminalreporter.config
    requests = _requests(config)
    if requests and SESSION not in config.stash:
        has = "have" if len(requests) > 1 else "has"
        line = (
            f"imgcls: {', '.join(requests)} {has} no effect: no test here uses imgcls, and no imgcls.toml or "
            f"[tool.imgcls] is in {config.invocation_params.dir} or above; `imgcls init` writes one"
        )
        terminalreporter.write_line(printable(line))


def session_of(config: pytest.Config) -> "PluginSession":
    """The plugin's state, which the first request makes."""
    if SESSION not in config.stash:
        from imgcls.plugin.hooks import PluginSession

        config.stash[SESSION] = plugin = PluginSession(config)
        config.pluginmanager.register(plugin, "imgcls.plugin.hooks")
    return config.stash[SESSION]


_RUN_ID: pytest.StashKey[str] = pytest.StashKey()


def run_id(config: pytest.Config) -> str:
    """What all processes of this run have in common."""
    import uuid

    worker = getattr(config, "workerinput", None)
    return worker["imgcls_run"] if worker else config.stash.setdefault(_RUN_ID, uuid.uuid4().hex)


def is_requested(config: pytest.Config) -> bool:
    """Whether an option needs a configuration although no test may."""
    return bool(_requests(config))


def _requests(config: pytest.Config) -> list[str]:
    """The options that need a configuration although no test may, as they are written."""
    requires = config.getoption("--imgcls-require-gates") not in (None, "none")
    names = ("json", "csv", "markdown", "report", "comment", "code-quality", "save", "profile")
    given = [name for name in names if config.getoption(f"--imgcls-{name}")]
    return [f"--imgcls-{name}" for name in [*given, *(["require-gates"] if requires else [])]]


def _has_configuration(config: pytest.Config) -> bool:
    """Whether a configuration is named, or in reach of the folder that pytest was started in. Raises ConfigError."""
    from imgcls.config.discovery import find

    folders = (config.invocation_params.dir, config.rootpath)
    return bool(config.getoption("--imgcls-config")) or any(find(folder) for folder in folders)
