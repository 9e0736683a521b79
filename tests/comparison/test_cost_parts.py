"""imgcls.comparison.cost_parts: what one machine measured, each once."""

from dataclasses import replace

import pytest

from builders import CONDITIONS, MACHINE, make_latency, make_memory
from imgcls.comparison import cost_parts
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.records.performance import Latency, Memory
from run_parts import make_part


def _part(file: str, *measured: Latency | Memory) -> Part:
    part = make_part(file, {"cat/1.png": 0})
    latencies = tuple(of for of in measured if isinstance(of, Latency))
    memories = tuple(of for of in measured if isinstance(of, Memory))
    return replace(part, report=replace(part.report, latencies=latencies, memories=memories))


def test_measurements_of_all_parts_are_joined() -> None:
    """In the order of the parts, and once where a document is given twice."""
    first = _part("a.json", make_latency(), make_memory())
    second = _part("b.json", make_latency(model="vit"), make_latency("Offline"), make_memory("vit"))
    parts = [first, second, first]
    assert cost_parts.latencies(parts) == (make_latency(), make_latency(model="vit"), make_latency("Offline"))
    assert cost_parts.memories(parts) == (make_memory(), make_memory("vit"))
    assert cost_parts.profiles(parts) == ()


def test_what_was_measured_twice_is_refused() -> None:
    """Which of the two holds a limit is not for us to choose."""
    parts = [_part("a.json", make_latency()), _part("b.json", make_latency(p95_ns=1))]
    with pytest.raises(ConfigError, match=r"latency of net on cpu was measured twice, in a\.json and in b\.json"):
        cost_parts.latencies(parts)


def test_measurements_of_two_machines_are_refused() -> None:
    """In one line that names files and machines; scores have no machine."""
    other = replace(CONDITIONS, model="vit", machine=replace(MACHINE, cpu="A slow CPU"))
    parts = [_part("a.json", make_latency()), _part("b.json", replace(make_memory("vit"), conditions=other))]
    expected = (
        r"a\.json and b\.json have time and memory of another machine: cpu A fine CPU and A slow CPU; "
        "one table has those of one machine, so measure all models in one job"
    )
    with pytest.raises(ConfigError, match=f"^{expected}$"):
        cost_parts.check_machines(parts)
    cost_parts.check_machines([parts[0], make_part("c.json", {"cat/1.png": 0}), parts[0]])
