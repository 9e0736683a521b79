"""Where the memory of a pass goes: what a fresh process holds after each step towards it, and at its peak.

    python bench/peak_memory.py CONFIG --model NAME --dataset NAME [--runtime openvino] [--imports timm]

The steps are taken one after the other in one process: imports, loading, the first batch with PyTorch, converting and
compiling, the first batch of each worker. Then ``imgcls score`` runs in a process of its own, with an empty store, and
once more when only the predictions are missing. Megabytes are those of Linux: resident, of these the ones without a
file, and the peak.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from imgcls import light_imports

MB = 1024
"""Linux counts in units of 1024 bytes."""


def main() -> None:
    """Measure what the command line requests, and print it."""
    options = _options()
    print(f"{'step':34} {'resident':>9} {'more':>7} {'no file':>8} {'peak':>7}")
    steps = Steps()
    for name in ("imgcls.cli.main", "numpy", "torch", *options.imports.split(","), "imgcls.evaluation.pipeline"):
        steps.take(f"import {name}", partial(_imported, name))
    _model_steps(steps, options)
    with TemporaryDirectory() as folder:
        for what in ("imgcls score, empty store", "imgcls score, no predictions"):
            print(f"{what:34} {'':>9} {'':>7} {'':>8} {_peak_of_a_pass(options, Path(folder)):7.0f}")
            _forget_predictions(Path(folder) / "store")


def _imported(name: str) -> Any:
    """A library as imgcls imports it."""
    return vars(light_imports)[name]() if name in {"timm", "torchvision"} else import_module(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--runtime", default="openvino")
    parser.add_argument("--imports", default="timm", help="what the network's source imports, with commas")
    return parser.parse_args()


class Steps:
    """Prints what the process holds after each step."""

    def __init__(self) -> None:
        self.last = 0.0
        self.take("interpreter", lambda: None)

    def take(self, name: str, step: Callable[[], Any]) -> Any:
        """Take a step, print a row, and return what the step returned."""
        result = step()
        now = _status()
        more, self.last = now["VmRSS"] - self.last, now["VmRSS"]
        print(f"{name:34} {now['VmRSS']:9.0f} {more:+7.0f} {now['RssAnon']:8.0f} {now['VmHWM']:7.0f}", flush=True)
        return result


def _model_steps(steps: Steps, options: argparse.Namespace) -> None:
    """From loading to the first batch of each worker."""
    import torch

    from imgcls.config import loader as configuration
    from imgcls.evaluation import pipeline
    from imgcls.models import inference, loader
    from imgcls.system import machine

    torch.set_num_threads(machine.threads())
    spec = configuration.load([options.config]).models[options.model]
    model = steps.take("model loaded", lambda: loader.load(spec, "cpu"))
    eager = torch.zeros(inference.batch_size(model.info), *model.info.input.shape)
    steps.take(f"PyTorch, batch of {len(eager)}", lambda: model.classifier.logits(eager))
    fast = loader.with_runtime(model, options.runtime)
    steps.take(f"import {options.runtime}", lambda: import_module(options.runtime))
    blank = torch.zeros(inference.batch_size(fast.info), *fast.info.input.shape)
    steps.take(f"{options.runtime} compiled, batch of {len(blank)}", lambda: fast.classifier.logits(blank))
    steps.take(f"{pipeline.threads()} workers at once", lambda: _at_once(lambda: fast.classifier.logits(blank)))


def _at_once(call: Callable[[], object]) -> None:
    from imgcls.evaluation import pipeline

    workers = [threading.Thread(target=call) for _ in range(pipeline.threads())]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _peak_of_a_pass(options: argparse.Namespace, folder: Path) -> float:
    """The peak of ``imgcls score``."""
    pass_ = subprocess.Popen(  # noqa: S603 - our own command
        [
            sys.executable, "-m", "imgcls", "score", "--config", str(options.config), "--store", str(folder / "store"),
            "--models", options.model, "--datasets", options.dataset,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(pass_.pid, 0)
    pass_.returncode = os.waitstatus_to_exitcode(status)
    if pass_.returncode not in {0, 1}:
        raise SystemExit(f"imgcls score ended with exit code {pass_.returncode}")
    return usage.ru_maxrss / MB


def _forget_predictions(store: Path) -> None:
    """Of what the store has, only what is known of the model remains, and what was compiled."""
    with closing(sqlite3.connect(store / "predictions.sqlite3")) as connection, connection:
        for table in ("answers", "outcomes"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - two names of ours


def _status() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {
        name: int(value.split()[0]) / MB for name, _, value in (line.partition(":") for line in lines) if "kB" in value
    }


if __name__ == "__main__":
    main()
