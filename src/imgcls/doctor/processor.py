"""The processor, and the threads that are let loose on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import psutil

from imgcls import messages
from imgcls.doctor.findings import Evidence, Finding
from imgcls.system import machine

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_VECTORS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "sve", "bf16")
"""Those that decide how fast networks run, in float32 and below."""


def processor(evidence: Evidence) -> Iterator[Finding]:
    """What it is called, what it can do, and whether torch can compile for it."""
    own = machine.describe("cpu")
    memory = psutil.virtual_memory().total / 2**30
    yield Finding("ok", f"{own.cpu}, {messages.counted(own.cores, 'core')}, {memory:.0f} GiB, {own.system}")
    vectors = machine.vectors().split()
    known = [name for name in _VECTORS if name in vectors]
    if own.system.endswith("x86_64") and vectors and "avx2" not in known:
        yield Finding("warning", "no AVX2: networks run several times slower than on CPUs since 2015")
    elif known:
        yield Finding("ok", f"vectors: {', '.join(known)}")
    compiler = evidence.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        yield Finding("note", 'no C++ compiler: runtime = "compile" is not available', "apt-get install g++")


def threads(evidence: Evidence) -> Iterator[Finding]:
    """Whether more threads are requested than this process has CPUs, by the system and by its control group."""
    cores, allowed, quota = machine.cores(), machine.allowed_cores(), machine.cpu_quota()
    whole = True
    for name in THREAD_VARIABLES:
        value = evidence.environ.get(name, "").partition(",")[0].strip()
        if value and (not value.isdecimal() or int(value) == 0):
            whole = False
            yield Finding("warning", f"{name}={value} is not a number of threads", f"export {name}={cores}")
        elif value and int(value) > cores:
            whole = False
            yield Finding(
                "warning",
                f"{name}={value}, and this process has {messages.counted(cores, 'CPU')}: threads wait for each other",
                f"export {name}={cores}",
            )
    if quota is not None and not evidence.environ.get("OMP_NUM_THREADS"):
        whole = False
        yield Finding(
            "note",
            f"the control group leaves {quota:g} of {allowed} CPUs, and other libraries start {allowed} threads",
            f"export OMP_NUM_THREADS={cores}",
        )
    if whole:
        yield Finding("ok", f"{messages.counted(cores, 'CPU')} for this process")
