"""imgcls.meter: memory is counted where it is used."""

import subprocess
import sys

import psutil

from imgcls import meter

MIB = 1 << 20
SLACK = MIB
"""The kernel counts pages in small lots, so that what it says may be a little behind."""

MEASURE = """
from imgcls import meter

before = meter.peak_rss_bytes()
block = bytearray(b"1") * (64 << 20)
held = meter.peak_rss_bytes()
del block
print(before, held, meter.peak_rss_bytes())
"""


def _measured() -> list[int]:
    """In a process of its own: the peak of this one may lie far above what it uses now."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_the_peak_grows_with_what_is_touched() -> None:
    """64 MiB that are written to raise the peak by as much, and it does not fall when they are given back."""
    before, held, released = _measured()
    assert held - before >= 64 * MIB - SLACK
    assert released - before >= 64 * MIB - SLACK


def test_the_peak_is_not_the_parents() -> None:
    """A small process started by one that used 400 MiB has a small peak."""
    block = bytearray(b"1") * (400 * MIB)
    assert meter.peak_rss_bytes() >= len(block)
    assert _measured()[0] < 200 * MIB


def test_available_memory_is_some_of_it() -> None:
    """There is memory to be had, and no more than the machine has."""
    assert 0 < meter.available_bytes() <= psutil.virtual_memory().total
