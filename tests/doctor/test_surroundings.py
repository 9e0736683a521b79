"""imgcls.doctor.surroundings: a clock that is wrong, a language without letters, and limits that are too low."""

import sys
import time
from types import SimpleNamespace

import pytest

from examined import evidence, of_level
from imgcls.doctor import surroundings

resource = pytest.importorskip("resource", reason="limits of processes are set otherwise on Windows")


def test_a_clock_before_the_newest_installed_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that started in 1970 takes no certificate for valid."""
    monkeypatch.setattr(surroundings, "newest_installed", lambda: time.time() + 86_400)
    results = list(surroundings.clock(evidence()))
    [(text, remedy)] = of_level(results, "warning")
    assert text.startswith("the clock (")
    assert "lies before the newest installed file (" in text
    assert remedy == "timedatectl set-ntp true"
    assert len(results) == 1


def test_the_clock_of_this_machine() -> None:
    """What was installed lies in the past, and the time zone is printed with its distance to UTC."""
    assert 0 < surroundings.newest_installed() < time.time() + surroundings.CLOCK_S
    [finding] = surroundings.clock(evidence(environ={"TZ": "Europe/Berlin"}))
    assert finding.level == "ok"
    assert "(UTC" in finding.text


def test_a_time_zone_that_does_not_exist() -> None:
    """The system takes UTC for it without a word."""
    [(text, _)] = of_level(surroundings.clock(evidence(environ={"TZ": "Europe/Berln"})), "warning")
    assert text == "TZ=Europe/Berln is not a time zone, and UTC is used"


def test_names_of_files_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Cyrillic name of a folder could not be read."""
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    [(text, remedy)] = of_level(surroundings.language(evidence(environ={"LC_ALL": "C"})), "warning")
    assert text == "names of files are read as ascii (LC_ALL=C): other letters may fail"
    assert remedy == "export PYTHONUTF8=1"


def test_a_terminal_of_few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails, and names are printed as escapes."""
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding="iso-8859-1"))
    [(text, _)] = of_level(surroundings.language(evidence()), "note")
    assert text == "output is iso-8859-1 (LANG not set): other letters are printed as escapes"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8"])
def test_utf8(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """One short line."""
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding=encoding))
    [finding] = surroundings.language(evidence(environ={"LANG": "de_DE.UTF-8"}))
    assert (finding.level, finding.text) == ("ok", "UTF-8 (LANG=de_DE.UTF-8)")


@pytest.mark.parametrize(
    ("limits", "level", "remedy"),
    [
        ((256, 4096), "warning", "ulimit -n 1024"),
        ((256, 512), "warning", "ulimit -n 512"),
        ((1024, 1024), "ok", ""),
        ((-1, -1), "ok", ""),
    ],
)
def test_the_number_of_open_files(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], level: str, remedy: str
) -> None:
    """Below 1024 the remedy is what the system allows this user."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    [finding] = surroundings.descriptors(evidence())
    assert (finding.level, finding.remedy) == (level, remedy)
