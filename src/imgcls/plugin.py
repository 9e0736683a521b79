"""The pytest plugin: options, markers and hooks. What they do is in :mod:`imgcls.harness`.

This file is imported by every pytest run in an environment that has imgcls, so it imports next to nothing.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from imgcls.harness import Harness

HARNESS: "pytest.StashKey[Harness]" = pytest.StashKey()
OURS = frozenset({"scores", "gates", "golden", "latency", "memory"})


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("imgcls", "image classifiers")
    group.addoption(
        "--imgcls-config", action="append", default=[], metavar="FILE",
        help="configuration instead of the imgcls.toml or [tool.imgcls] in reach; may be given several times",
    )  # fmt: skip
    group.addoption("--imgcls-models", metavar="A,B", help="only these models of the configuration")
    group.addoption("--imgcls-datasets", metavar="X,Y", help="only these data sets of the configuration")
    group.addoption(
        "--imgcls-device", choices=("cpu", "cuda"),
        help="where models run (default: scored on the cpu, measured on what is there)",
    )  # fmt: skip
    group.addoption("--imgcls-json", metavar="FILE", help="write the result document to FILE")
    group.addoption("--imgcls-json-summary", action="store_true", help="leave the predictions out of the document")
    group.addoption("--imgcls-store", metavar="DIR|off", help="where predictions are kept (default: .imgcls), or off")
    group.addoption(
        "--imgcls-trust-mtime", action="store_true",
        help="do not hash files again whose size, modification time and inode are as they were",
    )  # fmt: skip
    group.addoption(
        "--imgcls-require-gates", action="store_true",
        help="a gate of the configuration that no test evaluated is a failure",
    )  # fmt: skip
    group.addoption(
        "--imgcls-inconclusive", choices=("fail", "warn"), default="fail",
        help="what a gate does that has too few images to tell (default: fail)",
    )  # fmt: skip
    group.addoption("--imgcls-baseline", metavar="FILE|last", help="compare with this saved run, or with the last one")
    group.addoption(
        "--imgcls-compare-fail", action="append", default=[], metavar="top1:0.005",
        help="fail where it is not shown that a model is at most this much worse than the baseline (a fraction)",
    )  # fmt: skip
    group.addoption(
        "--imgcls-compare-common", action="store_true",
        help="leave aside images that only one of the two runs has, instead of failing",
    )  # fmt: skip
    group.addoption("--imgcls-save", metavar="FILE", help="keep this run in FILE, as a baseline for later ones")
    group.addoption(
        "--imgcls-profile", action="append", default=[], metavar="MODEL",
        help="after the tests, the operators of this model; may be given several times",
    )  # fmt: skip
    group.addoption(
        "--imgcls-update-golden", action="store_true",
        help="write goldens instead of comparing with them, and say what changed",
    )  # fmt: skip
    group.addoption(
        "--imgcls-unused-golden", choices=("warn", "fail"), default="warn",
        help="what a golden does that no test read (default: warn)",
    )  # fmt: skip
    group.addoption("--imgcls-memray-dir", metavar="DIR", help="keep memray's captures and flame graphs in DIR")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "accuracy: scores a model on a data set and holds it against its gate")
    config.addinivalue_line("markers", "golden: holds a model's answers against those that are pinned")
    config.addinivalue_line("markers", "latency(p95_ms=40): times a model and holds it against its limits")
    config.addinivalue_line("markers", 'memory(host="400 MB"): weighs a model and holds it against its limits')
    from imgcls.discover import find
    from imgcls.errors import ConfigError

    try:
        files = [config.invocation_params.dir / file for file in config.getoption("--imgcls-config")]
        if not files and (found := find(config.rootpath)):
            files = [found]
        if files:
            from imgcls.conclusion import Conclusion
            from imgcls.harness import Harness

            harness = config.stash[HARNESS] = Harness.from_pytest(config, files)
            config.pluginmanager.register(harness, "imgcls.harness")
            config.pluginmanager.register(harness.fixtures(), "imgcls.fixtures")
            config.pluginmanager.register(Conclusion(harness), "imgcls.conclusion")
            config.pluginmanager.register(harness.pinning, "imgcls.pinning")
            config.pluginmanager.register(harness.measuring, "imgcls.measuring")
            config.pluginmanager.register(harness.measuring.fixtures(), "imgcls.cost_fixtures")
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that asks for scores needs a configuration; the built-in data set is nobody's default.

    A worker of xdist must not end the session: there pytest itself says that the fixture is not found.
    """
    if HARNESS in config.stash or hasattr(config, "workerinput"):
        return
    for item in items:
        definitions: Any = getattr(item, "_fixtureinfo", None)
        wanted = OURS.intersection(getattr(item, "fixturenames", ()))
        if any(name not in definitions.name2fixturedefs for name in wanted):
            raise pytest.UsageError(
                f"{item.nodeid} asks for {' and '.join(sorted(wanted))}, and there is no imgcls.toml or [tool.imgcls] "
                f"from {config.rootpath} upwards: write one, or name one with --imgcls-config FILE"
            )
