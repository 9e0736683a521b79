"""The one place where NumPy is not treated as any other array namespace.

Every formula of this package is written over whatever namespace its arrays belong to: NumPy, or any other
that follows the Python array API standard (https://data-apis.org/array-api/), as CuPy does but for :func:`namespace`
and :func:`vecdot`. Maps lie in memory as (channels, images, height, width): a pointwise convolution is then one matrix
product, and a few channels are one piece of memory, so that what is done to each channel by itself is done to a few at
a time, in the cache and on several cores.
:func:`by_channel` does that for NumPy, and calls the same formula once, on the whole, for any other namespace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from math import prod
from threading import Event, RLock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

Array = Any
"""An array of a namespace that follows the array API standard."""

Formula = Callable[..., Any]
"""Takes arrays whose first axis is channels, and returns one such array or a tuple of them: no channel depends on
another."""

BLOCK = 1 << 18  # docs/decisions.md#blocks-of-channels
"""Numbers of the largest array that are worked on at once."""

SHARED = 1 << 22  # docs/decisions.md#threads-of-the-reference
"""Multiplications from which on a matrix product is shared by several threads."""


def namespace(array: Array) -> Any:
    """The module whose functions work on ``array``: the one that it names or, as CuPy's name none, that of its type."""
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return sys.modules[type(array).__module__.partition(".")[0]]


def by_channel(formula: Formula, *arrays: Array) -> Any:
    """``formula(*arrays)``; with NumPy block by block of the first axis, which all arrays have in common."""
    if namespace(arrays[0]) is np:
        return in_blocks(formula, *arrays)
    return formula(*arrays)


def in_blocks(formula: Formula, *arrays: Array) -> Any:
    """``formula(*arrays)`` of NumPy arrays, block by block on several threads."""
    blocks = _blocks(len(arrays[0]), max(prod(array.shape[1:]) for array in arrays))
    results: list[Any] = []
    are_made = Event()

    def parts(block: slice) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):  # the loss shows it; threads inherit no settings
            return formula(*(array[block] for array in arrays))

    def fill(block: slice) -> None:
        made = parts(block)
        are_made.wait()
        _put(made, block, results)

    others = [_pool().submit(fill, block) for block in blocks[1:]]
    try:
        first = parts(blocks[0])
        # docs/decisions.md#memory-of-the-reference
        results += [np.empty((len(arrays[0]), *part.shape[1:]), part.dtype) for part in _as_tuple(first)]
    finally:
        are_made.set()
    _put(first, blocks[0], results)
    for other in others:
        other.result()
    return tuple(results) if isinstance(first, tuple) else results[0]


def _as_tuple(made: Any) -> tuple[Any, ...]:
    return made if isinstance(made, tuple) else (made,)


def _put(made: Any, block: slice, results: list[Any]) -> None:
    for result, part in zip(results, _as_tuple(made), strict=True):
        result[block] = part


def product(left: Array, right: Array) -> Array:
    """``left @ right`` of two matrices; with NumPy each thread makes a part of the longer side of the result."""
    if namespace(left) is not np or left.size * right.shape[1] < SHARED:
        return left @ right
    result = np.empty((left.shape[0], right.shape[1]), np.result_type(left, right))

    def fill(part: slice) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            if result.shape[0] > result.shape[1]:
                np.matmul(left[part], right, out=result[part])
            else:
                np.matmul(left, right[:, part], out=result[:, part])

    list(_pool().map(fill, _parts(max(result.shape), _threads())))
    return result


def vecdot(left: Array, right: Array) -> Array:
    """The sums of the products along the last axis, in one pass where the namespace has that; CuPy has not."""
    xp = namespace(left)
    return xp.vecdot(left, right) if hasattr(xp, "vecdot") else xp.sum(left * right, axis=-1)


@contextmanager
def own_threads(array: Array) -> Iterator[None]:
    """While it is open, NumPy's matrix products take one thread each: those of this module share the work already."""
    if namespace(array) is not np:
        yield
        return
    with _turn(), _libraries().limit(limits=1):
        yield


def images_first(maps: Array) -> Array:
    """(channels, images, height, width) to (images, channels, height, width), PyTorch's order, or back: a view."""
    return namespace(maps).permute_dims(maps, (1, 0, 2, 3))


def as_numpy(array: Array) -> Any:
    """A NumPy array of the same values; what lies in another device's memory is copied from there."""
    if hasattr(array, "get"):  # CuPy's
        return array.get()
    return np.asarray(array)


def _blocks(channels: int, size: int) -> list[slice]:
    """As few blocks of about equal size as the cache allows, a multiple of the threads if there are several."""
    count = -(-channels * size // BLOCK)
    if count > 1:
        count = -(-count // _threads()) * _threads()
    return _parts(channels, max(1, count))


def _parts(length: int, count: int) -> list[slice]:
    """``length`` in at most ``count`` parts of about equal length."""
    step = max(1, -(-length // count))
    return [slice(start, start + step) for start in range(0, length, step)]


def _threads() -> int:
    """What NumPy's matrix products take too: ``OMP_NUM_THREADS`` where it is set, else one per core."""
    requested = os.environ.get("OMP_NUM_THREADS", "")
    if requested.isdecimal() and int(requested):
        return int(requested)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), "imgcls-reference")


@cache
def _turn() -> RLock:
    """Passes take turns: the number of a library's threads is one for the whole process."""
    return RLock()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


if hasattr(os, "register_at_fork"):  # neither threads nor who holds a lock live on in a forked process
    os.register_at_fork(after_in_child=_pool.cache_clear)
    os.register_at_fork(after_in_child=_turn.cache_clear)
