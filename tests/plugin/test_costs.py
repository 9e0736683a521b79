"""The fixtures ``latency`` and ``memory`` in a small project, their gates, and pytest-benchmark."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders import make_memory
from conftest import CONFIGURATION, NETWORK, Project
from imgcls.performance import latency, memory
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Memory
from imgcls.reporting import progress
from imgcls.system import cgroup, machine

Command = Callable[..., pytest.RunResult]

QUICK = ("--benchmark-max-time=0.01", "-p", "no:xdist")


@pytest.fixture
def timing(project: Project) -> Project:
    """The project with one test of its own, which times; its gate on accuracy is of another job."""
    ini = "[pytest]\naddopts = --strict-markers --imgcls-device=cpu --imgcls-require-gates=none\npythonpath = .\n"
    (project.folder / "pytest.ini").write_text(ini)
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
    result.stdout.fnmatch_lines(["measured (* cores, 1 thread, torch *)", " model * p50 ms * p95 ms * images/s *"])


def test_a_timing_that_runs_out_of_time_is_inconclusive(
    run_pytest: Command, timing: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest-benchmark's rounds end early; what there is of them is saved, and a limit is not shown to hold."""
    monkeypatch.setattr(latency, "SECONDS", 0.0)
    monkeypatch.setattr(latency, "BUDGET_SECONDS", 0.0)
    timing.also("[latency.colour]\np95_ms = 10000\n")
    result = run_pytest("--benchmark-max-time=0.00001", "-p", "no:xdist", "--benchmark-autosave")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["INCONCLUSIVE: latency of colour on cpu, batch 1: p95 *; the time ran out after 1 round:*"]
    )
    result.stdout.fnmatch_lines([" colour * (few rounds) *"])
    assert {benchmark["stats"]["rounds"] for benchmark in _saved(timing.folder)["benchmarks"]} == {1}
    assert all(benchmark["extra_info"]["cut_short"] for benchmark in _saved(timing.folder)["benchmarks"])


@pytest.mark.slow
@pytest.mark.usefixtures("timing")
def test_what_is_being_timed_is_stated(run_pytest: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log now and then, and with the model, the device and the work; what is quick states nothing."""
    assert "round" not in run_pytest(*QUICK).stderr.str()
    monkeypatch.setattr(progress, "LOG_S", 0.0)
    result = run_pytest(*QUICK)
    assert result.ret == 0
    title = "colour on cpu, SingleStream, batch 1: "
    result.stderr.fnmatch_lines([f"{title}warming up", f"{title}round 12 of up to *", f"{title}timing its parts"])


def test_the_configurations_limits_are_gates(run_pytest: Command, timing: Project) -> None:
    """One that holds and one that cannot: the test fails, with the figures, and both count as evaluated."""
    timing.also("[latency.colour]\np95_ms = 0.000001\nimages_per_second = 1\n")
    result = run_pytest(*QUICK)
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*latency of colour on cpu, batch 1: p95 * ms, allowed 1e-06 ms; 95 % interval *"])
    result.stdout.fnmatch_lines(["FAIL latency of colour on cpu*", "PASS latency of colour on cpu, batch *images/s*"])
    result.stdout.fnmatch_lines(
        ["gates: 2 of 3 evaluated", "  not evaluated: colour on colours (no test requests it*)"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.slow
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


@pytest.mark.slow
def test_benchmark_compare_needs_a_common_benchmark(run_pytest: Command, timing: Project) -> None:
    """A saved run of other models is no baseline; one of the same is, also where the test was moved meanwhile."""
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    same = run_pytest(*QUICK, "--benchmark-compare", "--benchmark-group-by=param:scenario", "--benchmark-sort=name")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["*benchmark 'scenario=Offline': 2 tests*", "*(NOW)*", "*(0001_*"])
    (timing.folder / "test_models.py").rename(timing.folder / "test_renamed.py")
    moved = run_pytest(*QUICK, "--benchmark-compare", "--benchmark-sort=name")
    assert moved.ret == 0
    moved.stdout.fnmatch_lines(["*benchmark: 4 tests*", "*(NOW)*", "*(0001_*"])
    timing.configure(CONFIGURATION.replace("colour]", "paint]"))
    other = run_pytest(*QUICK, "--benchmark-compare")
    assert other.ret == 1
    other.stdout.fnmatch_lines(["FAILED --benchmark-compare: no benchmark of this run is in *0001_*"])


COMPARED = (*QUICK, "--benchmark-compare", "--benchmark-compare-fail=median:5%")


def _change_saved(folder: Path, factor: float, **extra_info: Any) -> None:
    """The medians of the saved run times this factor, and what else is known of its latencies."""
    [file] = (folder / ".benchmarks").rglob("*.json")
    saved = json.loads(file.read_text())
    for benchmark in saved["benchmarks"]:
        benchmark["stats"]["median"] *= factor
        if benchmark["extra_info"]:
            benchmark["extra_info"] |= extra_info
    file.write_text(json.dumps(saved))


@pytest.mark.slow
def test_another_machine_is_refused_by_benchmark_compare_fail(run_pytest: Command, timing: Project) -> None:
    """A faster one is not a regression and a slower one no pass: the difference is named, and that is all."""
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    other = {"cpu": "Another CPU", "cores": 64, "system": "Linux x86_64", "gpu": None, "quota": None}
    for factor in (
        0.001,
        1_000_000,
    ):  # of the time that was saved: first that of a faster machine, then of a slower one
        _change_saved(timing.folder, factor, machine=other)
        result = run_pytest(*COMPARED)
        assert result.ret == 1
        result.assert_outcomes(passed=2)
        refusal = (
            "FAILED --benchmark-compare: test_models.py::test_latency[[]colour-cpu-*another machine: cpu Another CPU*"
        )
        result.stdout.fnmatch_lines([refusal])
        assert "Performance has regressed" not in result.stdout.str() + result.stderr.str()


@pytest.mark.slow
@pytest.mark.usefixtures("timing")
def test_a_quota_is_another_machine(
    run_pytest: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for ``docker --cpus 1`` on two cores: one thread instead of two, and no comparison of one with the other."""
    group = tmp_path_factory.mktemp("cgroup")
    monkeypatch.setattr(cgroup, "ROOT", group)
    (group / "membership").write_text("0::/\n")
    monkeypatch.setattr(cgroup, "MEMBERSHIP", group / "membership")
    monkeypatch.setattr(machine, "allowed_cores", lambda: 2)
    assert run_pytest(*QUICK, "--benchmark-autosave", OMP_NUM_THREADS="2").ret == 0
    (group / "cpu.max").write_text("100000 100000\n")
    result = run_pytest(*COMPARED, OMP_NUM_THREADS="2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["measured (*, 2 cores, a quota of 1 CPU, 1 thread, torch *)"])
    result.stdout.fnmatch_lines(
        ["FAILED *another threads, machine: threads 2 and 1; quota none and 1.0; save one of *"]
    )


@pytest.mark.slow
def test_benchmarks_of_others_are_compared_as_ever(run_pytest: Command, timing: Project) -> None:
    """Next to a latency that is refused, and where no model is timed: they are pytest-benchmark's affair."""
    (timing.folder / "test_other.py").write_text("def test_sum(benchmark):\n    benchmark(sum, [1, 2])\n")
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    _change_saved(timing.folder, 0.001, threads=64)
    result = run_pytest(*COMPARED)
    output = result.stdout.str() + result.stderr.str()
    assert result.ret == 1
    assert output.count("Performance has regressed") > 0
    assert "test_sum" in output.partition("Performance has regressed")[2]
    assert "test_latency" not in output.partition("Performance has regressed:")[2].partition("FAILED")[0]
    alone = run_pytest("test_other.py", *QUICK, "--benchmark-compare", "--benchmark-storage=file://./none")
    assert alone.ret == 0


@pytest.mark.slow
def test_benchmark_compare_fail_fails(run_pytest: Command, timing: Project) -> None:
    """A saved run that was impossibly fast makes this one a regression."""
    assert run_pytest(*QUICK, "--benchmark-autosave").ret == 0
    _change_saved(timing.folder, 0.001)
    result = run_pytest(*COMPARED)
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


def _timed_by(run_pytest: Command, timing: Project, runtime: str) -> pytest.RunResult:
    """A green run of a project whose network has this runtime, and whose limits need not be evaluated."""
    ini = "[pytest]\naddopts = --imgcls-require-gates=none\npythonpath = .\n"
    (timing.folder / "pytest.ini").write_text(ini)
    timing.configure(CONFIGURATION.replace(NETWORK, f'runtime = "{runtime}"\n{NETWORK}'))
    result = run_pytest(*QUICK)
    assert result.ret == 0
    return result


@pytest.mark.usefixtures("gpu")
def test_what_knows_no_gpu_is_measured_without(run_pytest: Command, timing: Project) -> None:
    """Where there is a GPU and nobody requested it, models that run only on the CPU are skipped there."""
    result = _timed_by(run_pytest, timing, "openvino")
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * cuda: colour runs on the CPU only"])


def test_what_needs_a_gpu_is_not_measured_on_the_cpu(run_pytest: Command, timing: Project) -> None:
    """Where nobody requested a device, a model that runs only on CUDA devices is skipped on the CPU."""
    result = _timed_by(run_pytest, timing, "cuda-graph")
    skipped = [line for line in result.outlines if line.startswith("SKIPPED")]
    assert [line.endswith(" cpu: colour runs on a CUDA device only") for line in skipped] == [True]


@pytest.fixture
def gpu_limit(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A limit for a GPU, and memory as if it had been measured."""
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_accuracy, test_memory\n")
    (project.folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    project.also('[memory.colour]\nhost = "1 GB"\ngpu = "100 MB"\n')

    def measure(spec: ModelSpec, device: str, *_: Any, **__: Any) -> Memory:
        measured = make_memory(spec.name)
        peak = replace(measured.inference, cuda_allocated_bytes=200_000_000 if device == "cuda" else None)
        return replace(measured, inference=peak, conditions=replace(measured.conditions, device=device))

    monkeypatch.setattr(memory, "measure", measure)
    return project


@pytest.mark.usefixtures("gpu_limit")
def test_a_limit_for_a_gpu_does_not_apply_without_one(run_pytest: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job on a CPU names it and is green."""
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    result = run_pytest()
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["SKIPPED NOT APPLICABLE: memory of colour: a limit for a GPU, *"])
    result.stdout.fnmatch_lines(["gates: 2 of 2 evaluated", "  not applicable: memory of colour, gpu_bytes (*"])


def test_a_limit_for_a_gpu_is_required_where_it_was_requested(
    run_pytest: Command, gpu_limit: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its test is skipped, and that is not green; measured, it is held against the limit."""
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    (gpu_limit.folder / "conftest.py").write_text(
        "import pytest\n\n\ndef pytest_runtest_call(item):\n    pytest.skip('no room on the GPU')\n"
    )
    skipped = run_pytest("--imgcls-device=cuda", "-k", "memory")
    assert skipped.ret == 1
    skipped.stdout.fnmatch_lines(["FAILED gate not evaluated: memory of colour, gpu_bytes (no room on the GPU)"])
    (gpu_limit.folder / "conftest.py").unlink()
    result = run_pytest("--imgcls-device=cuda", "-k", "memory")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAIL memory of colour, batch 1: gpu 200.0 MB of torch's allocator, allowed 100 MB*"])


@pytest.mark.usefixtures("gpu", "gpu_limit")
def test_a_limit_for_a_gpu_is_of_the_gpu_that_is_there(run_pytest: Command) -> None:
    """Models are scored on the CPU, and measured on both."""
    result = run_pytest("-k", "memory")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    result.stdout.fnmatch_lines(["FAIL memory of colour, batch 1: gpu 200.0 MB of torch's allocator, allowed 100 MB*"])
    result.stdout.no_fnmatch_line("*NOT APPLICABLE*")


@pytest.mark.slow
def test_memory_is_measured_gated_and_reported(
    run_pytest: Command, pytest_process: Command, project: Project, request: pytest.FixtureRequest
) -> None:
    """A limit that holds, then one that cannot; figures stand in the table and in the document, with xdist too."""
    (project.folder / "test_models.py").write_text("from imgcls.suite import test_memory\n")
    project.also('[memory.colour]\nhost = "50 MB"\n')
    required = "--imgcls-require-gates=memory"
    result = pytest_process("-n", "1", required, "--imgcls-json", "r.json", "--imgcls-memray-dir", "graphs")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["PASS memory of colour, batch 1: host * MB during *, allowed 50 MB"])
    result.stdout.fnmatch_lines(["gates: 1 of 2 evaluated"])
    document = json.loads((project.folder / "r.json").read_text())
    assert [measured["inference"]["weights"] for measured in document["memories"]] == [{"float32": 4}]
    assert {file.name for file in (project.folder / "graphs").glob("*.html")} == {
        "colour-loading.html",
        "colour-inference.html",
    }
    project.configure(CONFIGURATION + '[memory.colour]\nhost = "1 B"\n')
    request.getfixturevalue("quick_memory")
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


def test_another_model_fixture_is_left_alone(run_pytest: Command, project: Project) -> None:
    """A test of a project's own ``model`` times what is configured; one that requests both is a usage error."""
    test = (
        "import pytest\n\n\n@pytest.fixture\ndef model():\n    return 3\n\n\n"
        "def test_it({}latency):\n    assert latency().conditions.model == 'colour'\n"
    )
    (project.folder / "test_models.py").write_text(test.format(""))
    run_pytest(*QUICK).assert_outcomes(passed=1)
    (project.folder / "test_models.py").write_text(test.format("model, "))
    refused = run_pytest(*QUICK)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*means two things by `model`: *test_models.py:4, *which `latency` needs*"])


@pytest.mark.slow
@pytest.mark.usefixtures("quick_memory")
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
