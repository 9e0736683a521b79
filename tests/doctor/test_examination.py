"""imgcls.doctor.examination: one check that fails or hangs never stops the others, and nothing private is left."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examined import evidence
from imgcls.doctor import examination
from imgcls.doctor.findings import Evidence, Finding


def _fine(_: Evidence) -> Iterator[Finding]:
    yield Finding("ok", "all is well")


def _raises(_: Evidence) -> Iterator[Finding]:
    yield Finding("ok", "so far so good")
    raise KeyError("absent")


def _ends(_: Evidence) -> Iterator[Finding]:
    raise SystemExit(3)


def _hangs(_: Evidence) -> Iterator[Finding]:
    time.sleep(2)
    yield Finding("ok", "too late")


def test_a_check_that_raises_is_a_finding() -> None:
    """It names the check, whatever is raised, and the others are there, in the order of the table."""
    checks = {"first": _raises, "second": _ends, "third": _fine}
    first, second, third = examination.examine(checks, evidence())
    assert (first.level, first.check) == ("warning", "first")
    assert first.text == "the check first failed itself: KeyError: 'absent'"
    assert second.text == "the check second failed itself: SystemExit: 3"
    assert third == Finding("ok", "all is well", check="third")


def test_a_check_that_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk of the network that does not respond holds up nothing."""
    monkeypatch.setattr(examination, "LIMIT_S", 0.2)
    hung, fine = examination.examine({"caches": _hangs, "clock": _fine}, evidence())
    assert hung.text.startswith("the check caches was not done in 0.2 s")
    assert fine.level == "ok"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C counts, also where the tests run in the background of a shell, which has its jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_person_who_interrupts_it() -> None:
    """Ctrl-C ends everything at once; it is no finding."""

    def interrupts(_: Evidence) -> Iterator[Finding]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(1)
        yield Finding("ok", "too late")

    with pytest.raises(KeyboardInterrupt):
        examination.examine({"caches": interrupts, "clock": _fine}, evidence())


def test_a_check_whose_module_cannot_be_imported() -> None:
    """A library that is missing fails the checks that need it, and no others."""
    broken, fine = examination.examine({"a": examination._later("absent", "check"), "b": _fine}, evidence())
    assert broken.text.startswith(
        "the check a failed itself: ModuleNotFoundError: No module named 'imgcls.doctor.absent'"
    )
    assert fine.level == "ok"


def test_nothing_private_is_left() -> None:
    """In texts and remedies."""

    def leaks(_: Evidence) -> Iterator[Finding]:
        yield Finding("ok", f"{Path.home() / 'a'} http://ada:pa55@proxy", f"rm {Path.home() / 'b'}")

    [finding] = examination.examine({"leaks": leaks}, evidence())
    assert (finding.text, finding.remedy) == ("~/a http://***@proxy", "rm ~/b")


def test_every_check_of_the_table_is_there() -> None:
    """Each row leads to a function, and none of them fails itself on this machine without evidence."""
    results = examination.examine(
        {name: check for name, check in examination.CHECKS.items() if name not in {"network", "memray", "openvino"}},
        evidence(),
    )
    assert [one.text for one in results if "failed itself" in one.text] == []
