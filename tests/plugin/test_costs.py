"""The fixtures ``latency`` and ``memory`` in a small project, their gates, and pytest-benchmark."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import CONFIGURATION, NETWORK, Project

Command = Callable[..., pytest.RunResult]

QUICK = ("--benchmark-max-time=0.01", "-p", "no:xdist")


@pytest.fixture
def timing(project: Project) -> Project:
    """The project with one test of its own, which times."""
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_latency\n")
    return project


def _saved(folder: Path) -> dict[str, Any]:
    [file] = (folder / ".benchmarks").rglob("*.json")
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def test_every_figure_is_saved_with_the_benchmark(run_pytest: Command, timing: Project) -> None:
    """Percentiles, throughput, parts, conditions and raw rounds, for both scenarios, under clean names."""
    result = run_pytest("--benchmark-autosave")
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    benchmarks = {benchmark["name"]: benchmark for benchmark in _saved(timing.folder)["benchmarks"]}
    assert set(benchmarks) == {"test_latency[colour-cpu-SingleStream]", "test_latency[colour-cpu-Offline]"}
    single, offline = (benchmarks[f"test_latency[colour-cpu-{name}]"] for name in ("SingleStream", "Offline"))
    assert single["params"] == {"model": "colour", "device": "cpu", "scenario": "SingleStream"}
    extra = single["extra_info"]
    assert 0 < extra["p50_ns"] <= extra["p90_ns"] <= extra["p95_ns"] <= extra["p99_ns"]
    assert (extra["batch"], offline["extra_info"]["batch"]) == (1, 8)
    expected = {"images_per_second", "device", "precision", "runtime", "threads", "parameters", "gmacs", "state_sha256"}
    expected |= {"input", "versions", "machine", "preprocess_ns", "copy_ns", "model_ns", "steady", "scenario"}
    assert expected <= extra.keys()
    assert len(extra["rounds_ns"]) == single["stats"]["rounds"]
    assert extra["p50_ns"] == pytest.approx(single["stats"]["median"] * 1e9, rel=0.05)
    result.stdout.fnmatch_lines(["measured (* cores, 1 threads, torch *)", " model * p50 ms * p95 ms * images/s *"])


def test_the_configurations_limits_are_gates(run_pytest: Command, timing: Project) -> None:
    """One that holds and one that cannot: the test fails, with the figures, and both count as evaluated."""
    timing.also("[latency.colour]\np95_ms = 0.000001\nimages_per_second = 1\n")
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*latency of colour on cpu, batch 1: p95 * ms, allowed 1e-06 ms; 95 % interval *"])
    result.stdout.fnmatch_lines(["FAIL latency of colour on cpu*", "PASS latency of colour on cpu, batch *images/s*"])
    result.stdout.fnmatch_lines(["gates: 2 of 3 evaluated", "  not evaluated: colour on colours"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_limit_that_no_test_evaluated_is_named(run_pytest: Command, project: Project) -> None:
    """It is named, and where gates are required it fails; other models' limits count as not selected."""
    project.also('[latency.colour]\np95_ms = 40\n[memory."*"]\nhost = "1 GB"\n')
    named = run_pytest()
    assert named.ret == 0
    named.stdout.fnmatch_lines(["gates: 1 of 3 evaluated", "  not evaluated: latency of colour, p95_ms"])
    named.stdout.fnmatch_lines(["  not evaluated: memory of colour, host_bytes"])
    required = run_pytest("--imgcls-require-gates")
    assert required.ret == 1
    required.stdout.fnmatch_lines(["FAILED gate not evaluated: latency of colour, p95_ms"])


def test_a_marker_has_limits_too(run_pytest: Command, timing: Project) -> None:
    """They go before those of the configuration, key by key; a wrong key names the right one."""
    timing.also("[latency.colour]\np95_ms = 0.000001\n")
    test = "import pytest\n\n@pytest.mark.latency(%s)\ndef test_it(latency, gates):\n    gates.check(latency())\n"
    (timing.folder / "test_models.py").write_text(test % "p95_ms=10_000")
    assert run_pytest(*QUICK).ret == 0
    (timing.folder / "test_models.py").write_text(test % "p50_ms=0.000001")
    both = run_pytest(*QUICK)
    both.assert_outcomes(failed=1)
    both.stdout.fnmatch_lines(["*p50 * ms, allowed 1e-06 ms*"])
    both.stdout.fnmatch_lines(["*p95 * ms, allowed 1e-06 ms*"])
    (timing.folder / "test_models.py").write_text(test % "p95=40")
    wrong = run_pytest(*QUICK)
    wrong.assert_outcomes(failed=1)
    wrong.stdout.fnmatch_lines(["*test_it*: @pytest.mark.latency: ?latency? p95: unknown key; did you mean 'p95_ms'?"])
    wrong.stdout.no_fnmatch_line("*Traceback*")


def test_a_model_that_cannot_be_timed_fails_with_its_reason(run_pytest: Command, timing: Project) -> None:
    """One line, no traceback."""
    timing.configure(CONFIGURATION.replace("nets:colour", "nets:broken"))
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*[[]models.colour[]] python:nets:broken failed: RuntimeError: this factory is broken"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_without_a_configuration_latency_is_a_usage_error(run_pytest: Command, timing: Project) -> None:
    """As it is for scores: nobody's default is timed."""
    (timing.folder / "imgcls.toml").unlink()
    result = run_pytest()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*requests gates and latency, and there is no imgcls.toml*"])


@pytest.mark.usefixtures("timing")
def test_benchmark_compare_fails_where_nothing_is_saved(run_pytest: Command) -> None:
    """Exit 1 and the next command; pytest-benchmark by itself warns and exits 0."""
    result = run_pytest(*QUICK, "--benchmark-compare")
    assert result.ret == 1
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["FAILED --benchmark-compare: nothing is saved in *; run with --benchmark-autosave *"])


def test_benchmark_compare_needs_a_common_benchmark(run_pytest: Command, timing: Project) -> None:
    """A saved run of other benchmarks is no baseline; one of the same is, and the comparison works unchanged."""
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    same = run_pytest(*QUICK, "--benchmark-compare", "--benchmark-group-by=param:scenario", "--benchmark-sort=name")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["*benchmark 'scenario=Offline': 2 tests*", "*(NOW)*", "*(0001_*"])
    (timing.folder / "test_models.py").rename(timing.folder / "test_renamed.py")
    other = run_pytest(*QUICK, "--benchmark-compare")
    assert other.ret == 1
    other.stdout.fnmatch_lines(["FAILED --benchmark-compare: no benchmark of this run is in *0001_*"])


def test_benchmark_compare_fail_fails(run_pytest: Command, timing: Project) -> None:
    """A saved run that was impossibly fast makes this one a regression."""
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    [file] = (timing.folder / ".benchmarks").rglob("*.json")
    saved = json.loads(file.read_text())
    for benchmark in saved["benchmarks"]:
        benchmark["stats"]["median"] /= 1000
    file.write_text(json.dumps(saved))
    result = run_pytest(*QUICK, "--benchmark-compare", "--benchmark-compare-fail=median:5%")
    assert result.ret != 0
    assert "Performance has regressed" in result.stdout.str() + result.stderr.str()


@pytest.mark.usefixtures("timing")
@pytest.mark.parametrize(
    ("run", "off"),
    [
        pytest.param("pytest_process", ("-n", "1"), marks=pytest.mark.slow),
        ("run_pytest", ("--benchmark-disable",)),
    ],
)
def test_benchmark_compare_fails_where_benchmarks_are_off(
    run_pytest: Command, run: str, off: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    """By xdist or by hand: nothing was timed, the tests say so, and the comparison was not made."""
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    result = request.getfixturevalue(run)(*off, "--benchmark-compare", "-W", "ignore")
    assert result.ret == 1
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["FAILED --benchmark-compare: benchmarks are switched off (by *"])


@pytest.mark.usefixtures("timing")
def test_a_device_that_is_absent_is_no_pass(run_pytest: Command) -> None:
    """Asked for and not there: the tests fail."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    result = run_pytest(*QUICK, "--imgcls-device", "cuda")
    assert result.ret == 1
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*device 'cuda' was requested and torch * sees no CUDA device here*"])


@pytest.mark.usefixtures("gpu")
def test_what_knows_no_gpu_is_measured_without(run_pytest: Command, timing: Project) -> None:
    """Where there is a GPU and nobody requested it, models that run only on the CPU are skipped there."""
    (timing.folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    timing.configure(CONFIGURATION.replace(NETWORK, f'runtime = "openvino"\n{NETWORK}'))
    result = run_pytest(*QUICK)
    assert result.ret == 0
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * cuda: colour runs on the CPU only"])


@pytest.mark.slow
def test_memory_is_measured_gated_and_reported(run_pytest: Command, pytest_process: Command, project: Project) -> None:
    """A limit that holds, then one that cannot; figures stand in the table and in the document, with xdist too."""
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_memory\n")
    project.also('[memory.colour]\nhost = "50 MB"\n')
    result = pytest_process("-n", "1", "--imgcls-json", "r.json", "--imgcls-memray-dir", "graphs")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["PASS memory of colour, batch 1: host * MB during *, allowed 50 MB"])
    result.stdout.fnmatch_lines(["gates: 1 of 2 evaluated"])
    document = json.loads((project.folder / "r.json").read_text())
    [memory] = document["memories"]
    assert memory["inference"]["weights"] == {"float32": 4}
    assert {file.name for file in (project.folder / "graphs").glob("*.html")} == {
        "colour-loading.html",
        "colour-inference.html",
    }
    project.configure(CONFIGURATION + '[memory.colour]\nhost = "1 B"\n')
    failed = run_pytest()
    assert failed.ret == 1
    failed.stdout.fnmatch_lines(["*memory of colour, batch 1: host * MB during *, allowed 1e-06 MB*"])


def test_time_and_memory_do_not_share_a_test(run_pytest: Command, project: Project) -> None:
    """Each would disturb the other."""
    (project.folder / "test_models.py").write_text("def test_both(latency, memory):\n    pass\n")
    result = run_pytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*time and memory are not measured in one test: each would disturb the other*"])


@pytest.mark.parametrize(
    ("fixture", "call", "message"),
    [
        ("latency", "'Ofline'", "latency('Ofline'): a scenario is one of SingleStream, Offline"),
        ("latency", "'Offline', batch=0", "batch = 0: a batch is a whole number of images above 0"),
        ("memory", "batch=2.5", "batch = 2.5: a batch is a whole number of images above 0"),
    ],
)
def test_what_cannot_be_measured_is_named(
    run_pytest: Command, project: Project, fixture: str, call: str, message: str
) -> None:
    """A slip of the pen is one line that states what was meant."""
    (project.folder / "test_models.py").write_text(f"def test_it({fixture}):\n    {fixture}({call})\n")
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_another_model_fixture_is_named(run_pytest: Command, project: Project) -> None:
    """A user's own ``model`` overrides ours, and then there is nothing of ours to time."""
    (project.folder / "test_models.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef model():\n    return 3\n\n\ndef test_it(latency):\n    latency()\n"
    )
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*`latency` and `memory` go with imgcls's own `model`, and here it is another*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.slow
def test_all_three_suites_make_one_table(run_pytest: Command, project: Project) -> None:
    """Quality, time and memory of a model in one row, and all of it in the document."""
    (project.folder / "test_models.py").write_text(
        "from imgcls.suite import test_accuracy, test_latency, test_memory\n"
    )
    result = run_pytest(*QUICK, "--imgcls-json", "r.json")
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["colours (* torch *)", " model * top-1 % * p50 ms * images/s * peak MB * params M*"])
    result.stdout.fnmatch_lines([" colour * 100.0 (75.8-100.0) *"])
    document = json.loads((project.folder / "r.json").read_text())
    assert [latency["scenario"] for latency in document["latencies"]] == ["SingleStream", "Offline"]
    assert len(document["memories"]) == len(document["results"]) == 1


def test_a_profile_on_request(run_pytest: Command, project: Project) -> None:
    """After the tests, the operators of a model, in the terminal and in the document; a name must be known."""
    result = run_pytest("--imgcls-profile", "colour", "--imgcls-json", "r.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*aten::mean*"])
    [profile] = json.loads((project.folder / "r.json").read_text())["profiles"]
    assert "aten::mean" in {operator["name"] for operator in profile["operators"]}
    unknown = run_pytest("--imgcls-profile", "color")
    assert unknown.ret == 4
    unknown.stderr.fnmatch_lines(["*no model 'color' in *did you mean 'colour'?"])
