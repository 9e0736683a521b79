"""Plants the faults of deployment in four real networks, exports them, and counts how many are named with their stage.

    python bench/parity_faults.py [--each N] [--faults "X;Y"]

Each fault is planted in two of the networks that it applies to, or in N of them, for one of its runtimes in turn.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from imgcls.models.model import Model
from imgcls.parity.diagnosis import diagnose
from imgcls.records.parity import Fault
from parity_exports import copied, drawn, loaded, photographs, reference_of, written
from parity_networks import specs
from parity_planted import PLANTED, Planted

IMAGES = 4


def exported(planted: Planted, reference: Model, runtime: str, folder: Path) -> Model:
    """The file with a fault."""
    if planted.integers:
        return loaded(reference, planted.integers(folder, reference, runtime), runtime)
    network = planted.change(copied(reference), reference)
    file = written(network, torch.rand(2, *reference.input.shape), runtime, folder)
    return loaded(reference, file, runtime, planted.settings)


def diagnosed(fault: str, network: str, runtime: str, folder: Path) -> tuple[tuple[Fault, ...], float]:
    """What is found, and in how many seconds."""
    reference = reference_of(specs()[network], PLANTED[fault].reference)
    export = exported(PLANTED[fault], reference, runtime, folder)
    sample = drawn(reference, export, photographs(IMAGES))
    started = time.perf_counter()
    return diagnose.faults(reference, export, sample), time.perf_counter() - started


def rows(faults: list[str], each: int) -> Iterator[tuple[str, str, str]]:
    """The fault, the network and the runtime of each comparison."""
    for at, (fault, planted) in enumerate(PLANTED.items()):
        networks = [network for network in specs() if planted.applies(network)]
        for turn in range(min(each, len(networks)) if fault in faults else 0):
            step = at + turn
            yield fault, networks[step % len(networks)], planted.runtimes[(step + at // 4) % len(planted.runtimes)]


def is_right(found: tuple[Fault, ...], planted: Planted) -> bool:
    """Whether the first fault has the name and the stage of the planted one."""
    return bool(found and found[0].stage == planted.stage and found[0].name in planted.names)


def shown(found: tuple[Fault, ...]) -> str:
    """The cells of a row on the first fault."""
    if not found:
        return "nothing | |"
    share = "" if found[0].explained is None else f"{found[0].explained:.0%}"
    return f"{found[0].name} | {share} | {found[0].stage} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--faults", default=";".join(PLANTED))
    given = parser.parse_args()
    named = count = 0
    print("| fault | network | format | named as | explained | stage | right | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for fault, network, runtime in rows(given.faults.split(";"), given.each):
        with TemporaryDirectory() as folder:
            found, seconds = diagnosed(fault, network, runtime, Path(folder))
        right = is_right(found, PLANTED[fault])
        named, count = named + right, count + 1
        verdict = "yes" if right else f"no: {found[0].what if found else ''}"
        print(f"| {fault} | {network} | {runtime} | {shown(found)} {verdict} | {seconds:.1f} |", flush=True)
    print(f"{named} of {count} planted faults named with their stage")
    return 0


if __name__ == "__main__":
    sys.exit(main())
