"""imgcls.evaluation.decoder_process: what is sent arrives, whole, and an end that is closed is noticed."""

import socket
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from imgcls.evaluation.decoder_process import receive, send

values = st.recursive(
    st.integers() | st.text() | st.binary(max_size=40) | arrays(np.uint8, array_shapes(max_dims=3)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def _arrived(value: Any) -> Any:
    """What comes out at the other end of a socket that holds less than the value."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=send, args=(ours, value))
        sender.start()
        received = receive(theirs)
        sender.join()
    return received


@given(values)
def test_what_is_sent_arrives(value: Any) -> None:
    """Any values and arrays, in any nesting."""
    np.testing.assert_equal(_arrived(value), value)


def test_large_arrays_arrive_as_they_were() -> None:
    """More than a socket holds at once, and arrays whose axes are in another order, which may be written to."""
    crops = [np.random.default_rng(number).integers(0, 256, (3, 224, 224), np.uint8) for number in range(9)]
    received = _arrived({"crops": crops, "turned": crops[0].transpose(1, 2, 0)})
    assert all(np.array_equal(*pair) for pair in zip(received["crops"], crops, strict=True))
    assert np.array_equal(received["turned"], crops[0].transpose(1, 2, 0))
    received["crops"][0][:] = 0


@pytest.mark.parametrize("sent", [b"", b"\x02\0\0\0\0\0\0\0", b"\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0abc"])
def test_an_end_that_is_closed(sent: bytes) -> None:
    """Between two values and within one."""
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(sent)
        with pytest.raises(EOFError):
            receive(theirs)
