"""imgcls.models.outputs: whatever a network returns becomes logits, in every runtime, or one line with a wrapper."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from imgcls.errors import ModelError
from imgcls.models import outputs
from imgcls.models.runtimes.base import Classifier, Request
from imgcls.models.runtimes.compiled import CompiledClassifier
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.models.runtimes.openvino import OpenVinoClassifier
from imgcls.system.versions import has_library

BATCH = torch.rand(3, 3, 4, 5, generator=torch.Generator().manual_seed(0))


class Heads(NamedTuple):
    """As torchvision's GoogLeNet returns them."""

    logits: torch.Tensor
    aux: torch.Tensor


@dataclass
class Output:
    """As many training scripts return it."""

    features: torch.Tensor
    logits: torch.Tensor


class Returning(nn.Module):
    """Returns what a function makes of its logits (n, 3) and its features (n, 6)."""

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__()
        self.function, self.head = function, nn.Linear(3, 3)
        nn.init.eye_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: torch.Tensor) -> Any:
        logits = self.head(batch.mean(dim=(2, 3)))
        return self.function(logits, torch.cat([logits, logits], 1))


FORMS: dict[str, tuple[Callable[[Any, Any], Any], str | None]] = {
    "a tensor": (lambda logits, _: logits, None),
    "a tuple": (lambda logits, features: (logits, features), None),
    "a list": (lambda logits, features: [logits, features], None),
    "a dict": (lambda logits, features: {"features": features, "logits": logits}, None),
    "a named tuple": (Heads, None),
    "an object": (lambda logits, features: Output(features, logits), None),
    "a key": (lambda logits, features: {"out": logits, "logits": features}, "out"),
    "an attribute": (Output, "features"),
    "an index": (lambda logits, features: (features, logits), "1"),
    "the last index": (lambda logits, features: (features, logits), "-1"),
}


def _request(network: nn.Module, output: str | None) -> Request:
    return Request("net", lambda: network, "float32", "cpu", (4, 5), cores=1, workers=1, output=output, strict=True)


def _eager(network: nn.Module, output: str | None) -> Classifier:
    return EagerClassifier(network, "float32", "cpu", output)


def _compiled(network: nn.Module, output: str | None) -> Classifier:
    return CompiledClassifier(network, "float32", "cpu", output)


def _openvino(network: nn.Module, output: str | None) -> Classifier:
    if not has_library("openvino"):
        pytest.skip("openvino: not installed")
    return OpenVinoClassifier(_request(network, output))


@pytest.mark.parametrize("build", [_eager, _openvino])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str, build: Callable[..., Classifier]) -> None:
    """The logits of each form are the network's own, in every runtime."""
    function, output = FORMS[form]
    logits = build(Returning(function).eval(), output).logits(BATCH)
    assert logits.dtype == np.float32
    assert np.allclose(logits, BATCH.mean(dim=(2, 3)), atol=1e-6)


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
@pytest.mark.parametrize("build", [_eager, _openvino])
def test_one_logit_is_two_classes(shape: tuple[int, ...], build: Callable[..., Classifier]) -> None:
    """The softmax of the two is the sigmoid of the one, so that 0.5 is where the decision changes."""
    network = Returning(lambda logits, _: (logits[:, :1] - 0.5).reshape(shape)).eval()
    one = network(BATCH).detach().reshape(-1)
    two = build(network, None).logits(BATCH)
    assert two.shape == (3, 2)
    assert np.array_equal(two[:, 0], np.zeros(3))
    assert np.allclose(torch.softmax(torch.from_numpy(two), 1)[:, 1], torch.sigmoid(one), atol=1e-6)
    assert np.array_equal(two.argmax(1), (torch.sigmoid(one) > 0.5).numpy())


@pytest.mark.slow
@pytest.mark.parametrize("form", ["a dict", "an attribute"])
def test_compiled_networks_are_read_too(form: str) -> None:
    """torch.compile compiles the choice of the logits with the network."""
    function, output = FORMS[form]
    network = Returning(function).eval()
    assert np.allclose(_compiled(network, output).logits(BATCH), _eager(network, output).logits(BATCH), atol=1e-6)


def test_a_tensor_stays_what_it_is() -> None:
    """Published networks return logits, and not a bit of them changes; no name of a state dict has a prefix."""
    logits = torch.randn(4, 7)
    assert outputs.of(logits) is logits
    network = Returning(FORMS["a dict"][0])
    assert EagerClassifier(network, "float32", "cpu").module.state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize(
    ("output", "key", "line"),
    [
        (
            {"aux": torch.zeros(3, 2, 4, 4), "out": torch.zeros(3, 2)},
            None,
            (
                "net is not a classifier: for 3 images it returned a dict of aux, out; name its logits in the "
                'configuration, as output = "out"; or wrap it in a module that returns logits (n, classes), as below'
            ),
        ),
        (
            {"out": torch.zeros(3, 2)},
            "logit",
            (
                'net has no logits (n, classes) at output = "logit"; it has out: for 3 images it returned a dict of '
                "out; name one that has, or leave the key out"
            ),
        ),
        (
            torch.zeros(3, 2, 4, 4),
            None,
            (
                "net is not a classifier: for 3 images it returned a tensor of shape (3, 2, 4, 4); wrap it in a module "
                "that returns logits (n, classes), as below"
            ),
        ),
        (
            None,
            None,
            (
                "net is not a classifier: for 3 images it returned a NoneType, not logits; wrap it in a module that "
                "returns logits (n, classes), as below"
            ),
        ),
    ],
)
def test_anything_else_is_refused(output: Any, key: str | None, line: str) -> None:
    """One line states what was returned and what to do, and a wrapper follows."""
    assert str(outputs.refusal("net", output, 3, key)) == f"{line}\n{outputs.WRAPPER}"


@pytest.mark.parametrize("build", [_eager, _openvino])
def test_a_tensor_has_no_parts(build: Callable[..., Classifier]) -> None:
    """A key that names a part of a single tensor is refused, and not passed over."""
    with pytest.raises(ModelError, match=r'output = "out" names a part .*, a single tensor: leave the key out'):
        build(Returning(FORMS["a tensor"][0]).eval(), "out").logits(BATCH)


@pytest.mark.parametrize("build", [_eager, _openvino])
@pytest.mark.parametrize("function", [lambda logits, _: {"out": logits}, lambda logits, _: ([logits],)])
def test_every_runtime_refuses_alike(function: Any, build: Callable[..., Classifier]) -> None:
    """Also where the network is recorded, the message is about what it returned."""
    with pytest.raises(ModelError, match=r"Returning is not a classifier: for \d images it returned a (dict|tuple) of"):
        build(Returning(function).eval(), None).logits(BATCH)


def test_the_wrapper_can_be_copied() -> None:
    """It is about ten lines of Python that give the logits of a network once its own is put in."""
    code: dict[str, Any] = {"build_network": lambda: Returning(FORMS["a dict"][0])}
    exec(outputs.WRAPPER, code)  # noqa: S102 - what a user copies
    assert len(outputs.WRAPPER.strip().splitlines()) <= 12
    assert code["Classifier"]().eval()(BATCH).shape == (3, 3)
