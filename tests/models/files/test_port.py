"""imgcls.models.files.port: batches as files take them, and their outputs as logits."""

import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.files.port import LEAST_PROBABILITY, Port, Quantization, described

BATCH = torch.arange(24.0).reshape(2, 3, 2, 2)


def test_layout_and_type() -> None:
    """NHWC in float16 is transposed and cast, in memory of its own order."""
    given = Port("NHWC", "float16").feed(BATCH)
    assert (given.shape, given.dtype, given.is_contiguous()) == ((2, 2, 2, 3), torch.float16, True)
    assert torch.equal(given, BATCH.permute(0, 2, 3, 1).half())


def test_integers_are_rounded_to_and_bounded() -> None:
    """Bytes come out as they went in, whatever float32 made of them; what is outside of the type is its limit."""
    given = Port(dtype="uint8").feed(torch.tensor([[[[254.99998, -3.0, 300.0, 0.5]]]]))
    assert given.flatten().tolist() == [255, 0, 255, 0]


def test_quantisation() -> None:
    """A number is divided by the scale, rounded, and moved by the zero point; outputs go the way back."""
    port = Port(dtype="int8", quantized_input=Quantization(0.5, -10), quantized_output=Quantization(0.25, 4))
    assert port.feed(torch.tensor([[[[0.0, 1.0, -0.6, 99.0]]]])).flatten().tolist() == [-10, -8, -11, 127]
    assert port.logits(torch.tensor([[4, 8, 0]], dtype=torch.int8)).tolist() == [[0.0, 1.0, -1.0]]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_pieces_of_a_fixed_batch(count: int) -> None:
    """Each is of the fixed size, the last is filled up, and together they have every image once."""
    batch = torch.arange(float(count)).reshape(count, 1, 1, 1)
    pieces = list(Port(batch=2).pieces(batch))
    assert {len(piece) for piece, _ in pieces} == {2}
    assert torch.equal(torch.cat([piece[:images] for piece, images in pieces]), batch)


def test_any_batch_is_one_piece() -> None:
    """Without a fixed number all images are run at once."""
    [(piece, images)] = Port().pieces(BATCH)
    assert torch.equal(piece, BATCH)
    assert images == 2


def test_probabilities() -> None:
    """Logits are their logarithms, finite also for a probability of 0."""
    logits = Port(returns="probabilities").logits(torch.tensor([[0.25, 0.75, 0.0]]))
    assert torch.equal(logits, torch.tensor([[0.25, 0.75, LEAST_PROBABILITY]]).log())
    assert logits.isfinite().all()


def test_sides_of_one_pixel_are_left_out() -> None:
    """(n, classes, 1, 1), as old networks return it, is (n, classes); a larger map is left as it is."""
    assert Port().logits(torch.zeros(2, 5, 1, 1)).shape == (2, 5)
    assert Port().logits(torch.zeros(2, 5, 2, 2)).shape == (2, 5, 2, 2)


def test_one_logit() -> None:
    """One logit x for each image is the two (0, x)."""
    assert Port().logits(torch.tensor([[3.0], [4.0]]), 2).tolist() == [[0.0, 3.0], [0.0, 4.0]]


def test_the_output_with_the_logits() -> None:
    """The configured one, else the one that is called logits, else the first."""
    port = Port(outputs=("features", "logits"))
    assert (port.index("net", None), port.index("net", "features"), Port(outputs=("a", "b")).index("n", None)) == (
        1,
        0,
        0,
    )
    with pytest.raises(
        ModelError, match=r'\[models.net\] output = "x" is not one of the outputs of the file: features'
    ):
        port.index("net", "x")


def test_types_in_words() -> None:
    """The most frequent type is first."""
    assert described({"float32": 53, "int8": 152}) == "152 int8, 53 float32"
