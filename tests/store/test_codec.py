"""imgcls.store.codec: a packed prediction comes back the same."""

from dataclasses import replace
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from imgcls.records.evaluation import Output
from imgcls.records.runtime import Form
from imgcls.store.codec import pack, unpack

_float32 = st.floats(width=32, allow_nan=False)
_outputs = st.builds(
    Output,
    top=st.lists(st.tuples(st.integers(0, 2**32 - 1), _float32), min_size=1, max_size=10).map(tuple),
    logsumexp=st.floats(allow_nan=False),
    fingerprint=st.lists(_float32, max_size=12).map(tuple),
    form=st.none() | st.sampled_from(get_args(Form)),
)


@given(_outputs)
def test_predictions_are_packed_exactly(output: Output) -> None:
    """A packed prediction comes back equal and packs into the same bits again."""
    body = pack(output)
    assert output == unpack(body)
    assert body == pack(unpack(body))


def test_a_prediction_of_one_form_takes_no_byte_for_it() -> None:
    """Stores of before stay what they are."""
    output = Output(((3, 1.5), (0, 0.5)), 2.0, (0.25,))
    assert len(pack(output)) == 9 + 2 * 8 + 4
    assert len(pack(replace(output, form="again"))) == len(pack(output)) + 1
