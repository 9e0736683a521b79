"""imgcls.session.options: one record, whichever door the options came in by."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imgcls.errors import ConfigError
from imgcls.session import options as run_options
from imgcls.session.option_table import OPTIONS
from imgcls.session.options import RunOptions


def _parsed(*arguments: str) -> RunOptions:
    parser = argparse.ArgumentParser()
    run_options.add_to_command(parser, *OPTIONS)
    return RunOptions.from_namespace(parser.parse_args(arguments))


class _Pytest:
    """As much of pytest's configuration as options are read from."""

    rootpath = Path("/project")
    inipath = Path("/project/conf/pytest.ini")
    invocation_params = SimpleNamespace(dir=Path("/project/sub"))

    def __init__(self, addopts: Sequence[str] = (), **given: Any) -> None:
        self.addopts, self.given = addopts, given

    def getoption(self, name: str, default: Any = None) -> Any:
        key = name.removeprefix("--imgcls-")
        return self.given.get(key.replace("-", "_"), OPTIONS.get(key, {}).get("default", default))

    def getini(self, name: str) -> Any:
        return {"addopts": list(self.addopts)}[name]


def test_nothing_given_is_the_default_of_each_door() -> None:
    """The gates that a run requires are those that it selects."""
    command, plugin = _parsed(), RunOptions.from_pytest(_Pytest())
    assert (command.store, plugin.store) == (Path(".imgcls"), Path("/project/.imgcls"))
    assert (command.require_gates, plugin.require_gates) == (None, None)
    assert (command.scoring_device, plugin.scoring_device) == ("cpu", "cpu")
    assert (command.is_pytest, plugin.is_pytest) == (False, True)
    assert command.models is command.datasets is plugin.models is None


def test_both_doors_give_the_same_record() -> None:
    """The same words at either door differ only in the folder that paths are relative to."""
    words = (
        "--models",
        "a, b",
        "--json",
        "r.json",
        "--baseline",
        "last",
        "--compare-fail",
        "top1:0.01",
        "--store",
        "s",
    )
    command = _parsed(*words)
    plugin = RunOptions.from_pytest(
        _Pytest(models="a, b", json="r.json", baseline="last", compare_fail=["top1:0.01"], store="s")
    )
    assert command.models == plugin.models == ("a", "b")
    assert (command.json, plugin.json) == (Path("r.json"), Path("/project/sub/r.json"))
    assert (command.store, plugin.store) == (Path("s"), Path("/project/sub/s"))
    assert command.compare_fail == plugin.compare_fail == ("top1:0.01",)
    assert command.baseline == plugin.baseline == "last"


def test_an_absent_option_of_a_command_is_its_default() -> None:
    """Commands declare some of the options."""
    parser = argparse.ArgumentParser()
    run_options.add_to_command(parser, "config", "device")
    options = RunOptions.from_namespace(parser.parse_args(["--config", "a.toml", "--config", "b.toml"]))
    assert options.config == (Path("a.toml"), Path("b.toml"))
    assert options.inconclusive == "fail"


@pytest.mark.parametrize(
    ("door", "message"),
    [
        (lambda: _parsed("--store", "off", "--trust-mtime"), "--trust-mtime and --store off do not go together"),
        (
            lambda: RunOptions.from_pytest(_Pytest(store="off", trust_mtime=True)),
            "--imgcls-trust-mtime and --imgcls-store off do not go together",
        ),
        (
            lambda: RunOptions.from_pytest(_Pytest(update_golden=True, trust_mtime=True)),
            "--imgcls-update-golden and --imgcls-trust-mtime do not go together",
        ),
    ],
)
def test_options_that_do_not_go_together(door: Any, message: str) -> None:
    """Each is refused in the words of the door that was used."""
    with pytest.raises(ConfigError, match=message):
        door()


def test_off_is_no_store() -> None:
    """``off`` is a word, not a folder."""
    assert _parsed("--store", "off").store is None


@pytest.mark.parametrize("addopts", [("--imgcls-config", "a.toml"), ("--imgcls-config=a.toml",)])
def test_a_configuration_of_addopts_is_relative_to_their_file(addopts: tuple[str, ...]) -> None:
    """One of the command line is relative to the working folder, and pytest puts it behind."""
    options = RunOptions.from_pytest(_Pytest(addopts, config=["a.toml", "b.toml", "/c.toml"]))
    assert options.config == (Path("/project/conf/a.toml"), Path("/project/sub/b.toml"), Path("/c.toml"))


def test_the_store_lies_where_the_configuration_is_at_home() -> None:
    """Unless an option names another folder, which is relative to the working folder."""
    home, working = Path("/project/vision"), Path("/elsewhere")
    assert RunOptions.from_pytest(_Pytest(), home=home).store == home / ".imgcls"
    assert RunOptions.from_pytest(_Pytest(store="s"), home=home).store == Path("/project/sub/s")
    assert RunOptions.from_pytest(_Pytest(json="r.json"), home=home, working=working).json == working / "r.json"
