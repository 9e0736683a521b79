"""The array EfficientNet over a second namespace, in blocks and whole, by either form of a depthwise convolution."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from imgcls import reference
from imgcls.reference import arrays, comparison, depthwise

SMALL = replace(reference.variant("efficientnet_small"), dropout=0.1, stochastic_depth=0.2)


NADAM = partial(reference.nadam, settings=reference.Nadam(weight_decay=0.01))
SGD = partial(reference.sgd, settings=reference.Sgd(lr=0.1, momentum=0.9))


def _trained(xp: Any, rule: Any = NADAM) -> tuple[dict[str, Any], Any]:
    """The state dict of a small network after three steps, and its logits; float64."""
    generator = np.random.default_rng(0)
    network, state = reference.build(SMALL, xp=xp, dtype=xp.float64), reference.State()
    images = xp.asarray(generator.standard_normal((4, 3, 32, 30)))
    labels = xp.asarray(generator.integers(10, size=4))
    for _ in range(3):
        masks = reference.draw(SMALL, 4, generator, xp, xp.float64)
        weights = xp.asarray(np.linspace(0.5, 1.5, 10))
        step = reference.step(network, images, labels, masks=masks, smoothing=0.1, class_weights=weights)
        parameters, state = rule(network.parameters, step.gradients, state)
        network = network._replace(parameters=parameters, statistics=step.statistics)
    return reference.state_dict(network), arrays.as_numpy(reference.predict(network, images))


def _assert_trains_as_numpy(xp: Any) -> None:
    """Within rounding. NAdam is given its gradients, because it makes a whole step of one that is only rounding."""
    (ours, logits), (theirs, their_logits) = _trained(np, SGD), _trained(xp, SGD)
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-9, atol=1e-9, err_msg=name)
    assert comparison.distance(their_logits, logits) < 1e-9
    np.testing.assert_allclose(_stepped(xp), _stepped(np), rtol=1e-12)


def _stepped(xp: Any) -> Any:
    """A parameter after three steps of NAdam with drawn gradients."""
    generator, state = np.random.default_rng(0), reference.State()
    tree = {"a": xp.asarray(generator.standard_normal((3, 4)))}
    for _ in range(3):
        tree, state = NADAM(tree, {"a": xp.asarray(generator.standard_normal((3, 4)))}, state)
    return arrays.as_numpy(tree["a"])


@pytest.fixture
def strict() -> ModuleType:
    """Arrays that allow only what the standard has."""
    import array_api_strict  # a machine with a GPU may lack it, and runs the test of CuPy only

    return array_api_strict


@pytest.mark.parametrize("placed", [depthwise.PLACED, 0], ids=["products", "shifts"])
def test_a_strict_namespace_gives_the_same(monkeypatch: pytest.MonkeyPatch, strict: ModuleType, placed: int) -> None:
    """The same lines, over arrays that allow only what the standard has, train to the same values."""
    monkeypatch.setattr(depthwise, "PLACED", placed)
    (ours, logits), (theirs, their_logits) = _trained(np), _trained(strict)
    assert comparison.first_apart(theirs, ours, 1e-9) is None
    assert comparison.distance(their_logits, logits) < 1e-9


@pytest.fixture
def like_cupy(monkeypatch: pytest.MonkeyPatch, strict: Any) -> ModuleType:
    """The same with what CuPy 14 has otherwise: arrays that name no namespace and convert by ``get``, and no vecdot."""
    array = type(strict.ones(1))

    def refused(*_: object, **__: object) -> None:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    monkeypatch.delattr(array, "__array_namespace__")
    monkeypatch.delattr(strict, "vecdot")
    monkeypatch.setattr(array, "get", lambda given: given._array, raising=False)
    for conversion in ("__array__", "__buffer__"):
        monkeypatch.setattr(array, conversion, refused)
    return cast("ModuleType", strict)


@pytest.mark.parametrize("placed", [depthwise.PLACED, 0], ids=["products", "shifts"])
def test_arrays_like_cupys_give_the_same(monkeypatch: pytest.MonkeyPatch, like_cupy: ModuleType, placed: int) -> None:
    """What CuPy lacks of the standard is not needed, and its arrays are converted only where that is stated."""
    monkeypatch.setattr(depthwise, "PLACED", placed)
    _assert_trains_as_numpy(like_cupy)


@pytest.mark.parametrize("placed", [depthwise.PLACED, 0], ids=["products", "shifts"])
def test_cupy_gives_the_same(monkeypatch: pytest.MonkeyPatch, cupy: ModuleType, placed: int) -> None:
    """The same lines on a GPU train to the same values."""
    monkeypatch.setattr(depthwise, "PLACED", placed)
    _assert_trains_as_numpy(cupy)


def test_sgd_runs_over_a_strict_namespace(strict: Any) -> None:
    """SGD's lines need no more than the standard either."""
    ones = {"a": strict.ones(3)}
    new, _ = reference.sgd(ones, ones, reference.State(), reference.Sgd(lr=0.5, momentum=0.9))
    np.testing.assert_array_equal(arrays.as_numpy(new["a"]), np.full(3, 0.5))


def test_blocks_give_the_bits_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What NumPy computes block by block, on several threads, has the bits of one call on the whole."""
    monkeypatch.setattr(arrays, "BLOCK", 1 << 10)
    blocks, _ = _trained(np)
    monkeypatch.setattr(arrays, "in_blocks", lambda formula, *given: formula(*given))
    whole, _ = _trained(np)
    assert comparison.first_apart(blocks, whole, 1e-12) is None


def test_blocks_cover_every_channel_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of channels and their size, every channel is in exactly one block."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for channels in (1, 2, 3, 7, 32, 1152):
        for size in (1, 49, 12544, arrays.BLOCK, 3 * arrays.BLOCK):
            blocks = arrays._blocks(channels, size)
            assert [c for block in blocks for c in range(channels)[block]] == list(range(channels))
            assert len(blocks) <= channels


def test_a_failure_in_a_block_is_a_failure() -> None:
    """An error in one of the threads is raised by the call with that formula."""
    with pytest.raises(ZeroDivisionError):
        arrays.in_blocks(_fails, np.zeros((64, arrays.BLOCK // 8)))


def test_the_calling_thread_makes_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of the pool only fill arrays, whose memory they would give back to the system each time."""
    makers, empty = set[str](), np.empty

    def noting(*shape: Any, **keys: Any) -> Any:
        makers.add(threading.current_thread().name)
        return empty(*shape, **keys)

    x = np.arange(64 * arrays.BLOCK // 8, dtype=np.float32).reshape(64, -1)
    monkeypatch.setattr(np, "empty", noting)
    twice, ids = arrays.in_blocks(lambda part: (part * 2, part[:, 0]), x)
    monkeypatch.undo()
    assert makers == {threading.current_thread().name}
    assert np.array_equal(twice, x * 2)
    assert np.array_equal(ids, x[:, 0])


def _fails(_: Any) -> Any:
    return 1 // 0


def _total(_: int) -> float:
    return float(arrays.in_blocks(lambda x: x + 1, np.zeros((64, arrays.BLOCK // 8))).sum())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="fork: this system has none")
def test_blocks_work_in_a_forked_process() -> None:
    """A process that was forked after the threads had started has threads of its own."""
    expected = _total(0)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_total, (0,)).get(timeout=60) == expected


@pytest.mark.parametrize(("rows", "columns"), [(7, 40), (40, 7), (1, 1), (2, 2)])
def test_a_shared_product_is_the_product(monkeypatch: pytest.MonkeyPatch, rows: int, columns: int) -> None:
    """A matrix product that several threads make, by rows or by columns, is that of one."""
    monkeypatch.setattr(arrays, "SHARED", 0)
    monkeypatch.setattr(arrays, "_threads", lambda: 3)
    generator = np.random.default_rng(rows)
    left, right = generator.standard_normal((rows, 5)), generator.standard_normal((columns, 5)).T
    np.testing.assert_allclose(arrays.product(left, right), left @ right, rtol=1e-13)


def _blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_matrix_products_leave_the_other_threads_alone() -> None:
    """In a pass each product takes one thread, and after it as many as before, also after two passes at a time."""
    network, images, counts = reference.build(SMALL), np.zeros((2, 3, 16, 16), np.float32), []
    arrays._libraries.cache_clear()  # other tests have loaded more
    with threadpool_limits(2, "blas"):
        before = _blas_threads()
        reference.predict(network, images, watch=lambda *_: counts.append(_blas_threads()))
        reference.step(
            network, images, np.array([0, 1]), masks={}, watch_back=lambda *_: counts.append(_blas_threads())
        )
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: reference.predict(network, images), range(8)))
        assert _blas_threads() == before == {2}
    assert set().union(*counts) == {1}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((1, 3, 5, 7)), st.sampled_from((1, 2)), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_both_ways_of_a_depthwise_convolution_agree(k: int, stride: int, height: int, width: int, n: int) -> None:
    """Shifts and matrix products give the same outputs and gradients, whatever kernel, stride and size."""
    generator = np.random.default_rng(k * height * width)
    x, weight = generator.standard_normal((3, n, height, width)), generator.standard_normal((3, 1, k, k))
    y = depthwise._placed(stride, x, weight)
    np.testing.assert_allclose(depthwise._shifted(stride, x, weight), y, rtol=0, atol=1e-12)
    grad = generator.standard_normal(y.shape)
    for placed, shifted in zip(
        depthwise._placed_backward(stride, grad, x, weight),
        depthwise._shifted_backward(stride, grad, x, weight),
        strict=True,
    ):
        np.testing.assert_allclose(shifted, placed, rtol=0, atol=1e-11)
