"""imgcls.reporting.lab.costs: time and memory."""

from dataclasses import replace

import markdown_pages
from builders import make_gpu_memory, make_latency, make_memory
from imgcls.reporting.lab import costs
from lab_parts import make_contents


def test_times_are_those_of_the_document() -> None:
    """One image at a time, several at once, and the whole set."""
    contents = make_contents()
    results = tuple(replace(result, set_seconds=12.34) for result in contents.report.results)
    text = "\n".join(costs.time(replace(contents, report=replace(contents.report, results=results))))
    [[_, good, bad]] = markdown_pages.tables(text)
    assert good == ["good", "cpu", "50.0", "95.0", "8", "20.0", "12.3"]
    assert bad[0] == "bad"
    assert markdown_pages.targets(text) == [costs.LATENCY_CHART]


def test_each_device_has_its_row() -> None:
    """CPU and GPU, with the seconds of the set on each."""
    contents = make_contents()
    result, latency = contents.report.results[0], make_latency(model="good")
    on_gpu = replace(latency, conditions=replace(latency.conditions, device="cuda"), p50_ns=1_000_000)
    results = (replace(result, set_seconds=8.0), replace(result, device="cuda", set_seconds=2.0))
    report = replace(contents.report, results=results, latencies=(latency, on_gpu))
    [[_, cpu, gpu]] = markdown_pages.tables("\n".join(costs.time(replace(contents, report=report))))
    assert cpu == ["good", "cpu", "50.0", "95.0", "-", "-", "8.0"]
    assert gpu == ["good", "cuda", "1.0", "95.0", "-", "-", "2.0"]


def test_times_of_a_busy_machine_are_called_so() -> None:
    """And those of a network that was still warming up; other times come without a remark."""
    contents = make_contents()
    latencies = (make_latency(model="good", p50_ns=10_000_000), make_latency(model="bad", steady=False))
    text = "\n".join(costs.time(replace(contents, report=replace(contents.report, latencies=latencies))))
    busy, cold = (line for line in text.splitlines() if line.startswith("- "))
    assert busy == (
        "- The machine seems to have been busy with something else: one call in twenty took much longer than the "
        "median, for good on cpu with 1 image (9.5 times). Measure again on an idle machine before these times are "
        "compared."
    )
    assert cold == "- Calls were still becoming faster when the warm-up ended, for bad on cpu with 1 image."


def test_memory_adds_up() -> None:
    """Libraries and model are what both take together, and the parts are the model's."""
    together, parts = markdown_pages.tables("\n".join(costs.memory(make_contents())))
    assert together[1] == ["good", "cpu", "300.0", "130.0", "430.0", "110.0", "450.0", "60.0"]
    assert parts[1] == ["good", "cpu", "102.0", "25.0", "2.0", "1.0", "130.0"]


def test_a_gpu_has_columns_of_its_own() -> None:
    """Where any model ran on one."""
    contents = make_contents()
    report = replace(contents.report, memories=(make_gpu_memory("good"), make_memory("bad")))
    text = "\n".join(costs.memory(replace(contents, report=report)))
    assert "Weights on a GPU are part of its memory" in text
    assert "Weights on a GPU" not in "\n".join(costs.memory(contents))
    together, parts = markdown_pages.tables(text)
    assert [row[-2:] for row in together] == [["GPU", "GPU reserved"], ["260.0", "300.0"], ["-", "-"]]
    assert [row[2] for row in parts] == ["weights", "0.0", "102.0"]  # the weights are not in the host's heap


def test_what_was_not_measured_has_no_section() -> None:
    """No empty table."""
    contents = make_contents()
    bare = replace(contents, report=replace(contents.report, latencies=(), memories=()))
    assert [list(costs.time(bare)), list(costs.memory(bare))] == [[], []]
