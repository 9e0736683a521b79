"""imgcls.plugin.properties: figures are flat properties of JUnit XML, each once; what is for our own use is not one."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from builders import make_memory
from conftest import CONFIGURATION, Project
from imgcls.performance import memory

Command = Callable[..., pytest.RunResult]


def _properties(file: Path) -> dict[str, dict[str, str]]:
    """Of every test, by its name."""
    cases = ET.parse(file).getroot().iter("testcase")  # noqa: S314 - pytest wrote it
    return {
        case.get("name", ""): {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        for case in cases
    }


def test_every_test_of_scores_has_its_figures(run_pytest: Command, project: Project) -> None:
    """Also one that calls no gate, and none that has no scores."""
    (project.folder / "test_models.py").write_text(
        "from imgcls.suite import test_accuracy\n\n\ndef test_it(scores):\n    assert scores.rejected == 0\n\n\n"
        "def test_other():\n    pass\n"
    )
    assert run_pytest("--junitxml=junit.xml").ret == 0
    tests = _properties(project.folder / "junit.xml")
    gated, plain = tests["test_accuracy[colour-colours]"], tests["test_it[colour-colours]"]
    assert gated.items() >= {
        "imgcls.model": "colour", "imgcls.dataset": "colours", "imgcls.top1": "100", "imgcls.scored": "12",
        "imgcls.verdict.top1": "pass", "imgcls.threshold.top1": "1", "imgcls.verdict.rejected": "pass",
    }.items()  # fmt: skip
    assert float(gated["imgcls.top1_low"]) == pytest.approx(75.75, abs=0.01)
    assert plain["imgcls.top1"] == "100"
    assert not any(name.startswith("imgcls.verdict") for name in plain)
    assert all(name.startswith("imgcls.") for name in gated)
    assert not any(value.startswith("{") for value in gated.values())
    assert tests["test_other"] == {}


def test_a_figure_stands_there_once(run_pytest: Command, project: Project) -> None:
    """However often it is asked for, and whichever attempt of the test is the last."""
    (project.folder / "test_models.py").write_text(
        "def test_it(scores, gates):\n    gates.check(scores)\n    gates.check(scores)\n"
    )
    (project.folder / "conftest.py").write_text(
        "from _pytest.runner import runtestprotocol\n\n\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    runtestprotocol(item, nextitem=nextitem, log=False)\n"
        "    for report in runtestprotocol(item, nextitem=nextitem, log=False):\n"
        "        item.ihook.pytest_runtest_logreport(report=report)\n    return True\n"
    )
    assert run_pytest("--junitxml=junit.xml").ret == 0
    root = ET.parse(project.folder / "junit.xml").getroot()  # noqa: S314 - pytest wrote it
    names = [each.get("name") for each in root.iter("property")]
    assert "imgcls.top1" in names
    assert len(names) == len(set(names))


def test_flips_against_the_baseline_are_among_them(run_pytest: Command, project: Project) -> None:
    """Where there is one that can be compared with."""
    run_pytest("--imgcls-save", "main.json")
    project.configure(CONFIGURATION.replace("\n[gates", "options = { gain = -1.0 }\n\n[gates"))
    assert run_pytest("--imgcls-baseline", "main.json", "--junitxml=junit.xml").ret == 1
    [figures] = _properties(project.folder / "junit.xml").values()
    assert (figures["imgcls.flips"], figures["imgcls.compared_losses"]) == ("12", "12")
    assert (figures["imgcls.top1"], figures["imgcls.verdict.same_images"]) == ("0", "pass")


def test_time_and_memory_are_among_them(run_pytest: Command, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tests that measure them."""
    monkeypatch.setattr(memory, "measure", lambda spec, *_, **__: make_memory(spec.name))
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_latency, test_memory\n")
    project.also('[latency.colour]\np95_ms = 10000\n[memory.colour]\nhost = "1 GB"\n')
    words = ("-k", "memory or Single", "--benchmark-max-time=0.01", "-p", "no:xdist", "--junitxml=junit.xml")
    assert run_pytest(*words).ret == 0
    tests = _properties(project.folder / "junit.xml")
    [latency] = [figures for name, figures in tests.items() if name.startswith("test_latency")]
    [of_memory] = [figures for name, figures in tests.items() if name.startswith("test_memory")]
    assert float(latency["imgcls.p95_ms"]) > 0
    assert (latency["imgcls.scenario"], latency["imgcls.verdict.p95_ms"]) == ("SingleStream", "pass")
    assert (of_memory["imgcls.inference_peak_bytes"], of_memory["imgcls.verdict.host_bytes"]) == ("130000000", "pass")


def test_the_plugin_imports_no_torch_for_them(python: Command) -> None:
    """A run of pytest in which no test asks for a model, and the controller of xdist, have no figures."""
    done = python("import sys, imgcls.plugin.hooks; print({'torch', 'numpy', 'PIL'} & sys.modules.keys())")
    assert done.outlines == ["set()"]
