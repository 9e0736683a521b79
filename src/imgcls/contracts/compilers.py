"""Whether PyTorch's own exporter and compiler take a network, and compute the same."""

from __future__ import annotations

import io
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, cast

import numpy as np
import torch

from imgcls.contracts import layers
from imgcls.contracts.subject import Finding, Skipped, Subject
from imgcls.evaluation import agreement
from imgcls.messages import one_line, printable
from imgcls.models import outputs
from imgcls.models.runtimes import eager
from imgcls.models.runtimes.compiled import LIMITS, NO_COMPILER

IMAGES = 2  # docs/decisions.md#images-of-a-contract
"""The number of images of the batch; of one image alone, exporters would make a constant."""

Network = Callable[[torch.Tensor], Any]


def export(subject: Subject) -> Finding:
    """Whether ``torch.export.export`` takes the network, and its program returns the same logits."""
    return _tried(subject, "torch.export", lambda network, batch: torch.export.export(network, (batch,)).module())


def compile(subject: Subject) -> Finding:  # noqa: A001 - a contract's name
    """Whether ``torch.compile`` takes the network in one piece, and its code returns the same logits."""

    def compiled(network: torch.nn.Module, _batch: torch.Tensor) -> Network:
        return cast(Network, torch.compile(network, fullgraph=True, dynamic=False))

    return _tried(subject, "torch.compile", compiled)


def _tried(subject: Subject, what: str, convert: Callable[[torch.nn.Module, torch.Tensor], Network]) -> Finding:
    classifier, whole = subject.eager, subject.samples(IMAGES)
    images = subject.batch(whole.items)
    batch, network = classifier.to_device(images), outputs.Logits(classifier.module, subject.model.spec.output)
    plain = classifier.logits(images)
    if not np.isfinite(plain).all():
        return Finding("inconclusive", "its own logits are not finite: see the contract finite")
    try:
        with torch.no_grad(), _quiet():
            converted = convert(network, batch)
            with eager.exact_float32():  # not around an export, which reads the settings by their older names
                other = converted(batch)
    except Exception as error:
        if any(word in f"{type(error).__name__}: {error}" for word in NO_COMPILER):
            raise Skipped(f"{what} needs a C++ compiler, and finds none: install g++, or name one in CXX") from error
        return Finding("fail", f"{what} refuses the network{_place(error, classifier.module)}: {_reason(error)}")
    return _agreement(subject, what, plain, np.asarray(classifier.to_numpy(other, len(images))), images, whole.what)


@contextmanager
def _quiet() -> Iterator[None]:
    """What torch prints, logs and warns of is in its error, too; networks of one class are all compiled."""
    from torch._dynamo import config

    before, printed = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), cast(Any, config).patch(**LIMITS):
            warnings.simplefilter("ignore")
            with redirect_stdout(printed), redirect_stderr(printed):
                yield
    finally:
        logging.disable(before)


def _agreement(
    subject: Subject, what: str, plain: agreement.Logits, other: agreement.Logits, images: torch.Tensor, on: str
) -> Finding:
    sensitivity = agreement.sensitivity(subject.eager, subject.model.info, images)[1]
    limit = agreement.allowed(sensitivity, subject.precision)
    if why := agreement.disagreement(plain, other, limit):
        return Finding("fail", f"{what} takes the network, and computes something else: {why}")
    apart = agreement.distance(plain, other)
    same = "the same bits" if np.array_equal(plain, other) else f"logits within {apart:.2g} standard deviations"
    return Finding("pass", f"{what} takes the network and gives {same} ({on})")


def _place(error: BaseException, network: torch.nn.Module) -> str:
    """The innermost module of the network whose code was run when it was refused, as a part of a message."""
    place = layers.running((frame for frame, _ in traceback.walk_tb(error.__traceback__)), network)
    return place and f" at {place}"


def _reason(error: BaseException) -> str:
    """The first sentence of an error of the compiler, and the line of code that it names last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    code = [number for number, line in enumerate(lines) if line.startswith("File ")]
    at = f" [{' '.join(lines[code[-1] : code[-1] + 2])}]" if code else ""
    return f"{one_line(Exception(lines[0] if lines else type(error).__name__))[:300]}{printable(at[:300])}"
