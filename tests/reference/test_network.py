"""The array EfficientNet's tables, names, first values and refusals."""

import doctest
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_digits
from torchvision import models

import torch_efficientnet
from imgcls import reference
from imgcls.errors import ConfigError, ModelError
from imgcls.models.sources import reference as reference_source
from imgcls.reference import architecture as architectures
from imgcls.reference import network as networks
from imgcls.reference.unit import PassContext

PUBLISHED = [f"efficientnet_b{number}" for number in range(8)]
SMALL = reference.variant("efficientnet_small")


def _published(name: str) -> Any:
    with torch.device("meta"):
        return models.get_model(name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_torchvisions(name: str) -> None:
    """Each published network has torchvision's state dict: names, their order, and shapes, and so the parameters."""
    theirs = _published(name)
    expected = [(key, tuple(tensor.shape)) for key, tensor in theirs.state_dict().items()]
    assert list(reference.shapes(reference.variant(name)).items()) == expected


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_torchvisions(name: str) -> None:
    """Dropout, batch norm's settings and every block's share of being left out are torchvision's."""
    theirs, ours = _published(name), reference.variant(name)
    norm = theirs.features[0][1]
    assert (ours.dropout, ours.eps, ours.momentum) == (theirs.classifier[0].p, norm.eps, norm.momentum)
    left_out = [part.stochastic_depth.p for stage in theirs.features[1:-1] for part in stage]
    assert [block.left_out for block in architectures.blocks(ours)] == left_out
    residual = [part.use_res_connect for stage in theirs.features[1:-1] for part in stage]
    assert [block.is_residual for block in architectures.blocks(ours)] == residual


def test_a_state_dict_survives_a_round_trip(tmp_path: Any) -> None:
    """torchvision's state dict is written again bit for bit and in its order, through a file too."""
    theirs = reference_source.torch_efficientnet(SMALL).state_dict()
    network = reference.loaded(SMALL, theirs)
    written = reference.state_dict(network)
    assert list(written) == list(theirs)
    save_file(written, tmp_path / "small.safetensors")
    for name, array in load_file(tmp_path / "small.safetensors").items():
        assert array.dtype == theirs[name].numpy().dtype
        np.testing.assert_array_equal(array, theirs[name].numpy())
    reference_source.torch_efficientnet(SMALL).load_state_dict(
        {name: torch.from_numpy(np.asarray(a)) for name, a in written.items()}
    )


def test_loading_takes_no_memory() -> None:
    """Arrays of the right type are shared with what they were loaded from."""
    theirs = reference_source.torch_efficientnet(SMALL).state_dict()
    network = reference.loaded(SMALL, theirs)
    assert np.shares_memory(network.parameters["classifier"]["1"]["weight"], theirs["classifier.1.weight"].numpy())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"features.9.0.weight": s["features.0.0.weight"]}, "features.9.0.weight has no place"),
        (lambda s: {k: v for k, v in s.items() if k != "features.0.1.bias"}, "features.0.1.bias is missing"),
        (lambda s: s | {"features.0.1.bias": np.zeros(9)}, r"features.0.1.bias is \(9,\), expected \(8,\)"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused(change: Any, message: str) -> None:
    """A name too many, one too few, and a wrong shape are errors that name it."""
    state = reference.state_dict(reference.build(SMALL))
    with pytest.raises(ModelError, match=message):
        reference.loaded(SMALL, change(state))


@pytest.mark.parametrize("name", ["efficientnet_b1", "efficientnet_b2", "efficientnet_small"])
def test_a_published_network_is_recognised(name: str) -> None:
    """Names and shapes tell which network a state dict is of, whatever its classes; another's is refused."""
    network = reference.build(name, classes=7)
    assert reference.recognised(reference.state_dict(network)).architecture == network.architecture
    with pytest.raises(ModelError, match="those of none of efficientnet_b0, "):
        reference.recognised(models.resnet18().state_dict())


def test_a_seed_gives_the_same_values() -> None:
    """First values are a function of the seed only, and another seed gives others."""
    first, again, other = (reference.state_dict(reference.build(SMALL, seed=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["features.0.0.weight"], other["features.0.0.weight"])


def test_first_values_are_torchvisions_in_kind() -> None:
    """Each tensor's mean and spread are torchvision's, within six standard errors; the classifier is uniform."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = {name: tensor.double().numpy() for name, tensor in models.efficientnet_b0().state_dict().items()}
    ours = reference.state_dict(reference.build("efficientnet_b0", seed=0, dtype=np.float64))
    for name, expected in theirs.items():
        error = 6 / np.sqrt(expected.size)
        assert ours[name].std() == pytest.approx(expected.std(), rel=error), name
        assert abs(ours[name].mean() - expected.mean()) <= 1.5 * error * expected.std(), name
    assert 0.999 * 1000**-0.5 < np.abs(ours["classifier.1.weight"]).max() <= 1000**-0.5


@pytest.mark.parametrize("images", [np.zeros((1, 3, 8, 8)), np.zeros((1, 3, 1, 5))])
def test_one_value_per_channel_is_refused_as_pytorch_refuses_it(images: Any) -> None:
    """Training where a batch norm would see one value of each channel is refused, by both, at the same size."""
    network = reference.build(SMALL, dtype=np.float64)
    sizes = re.escape("one value per channel, got (1, ")
    with pytest.raises(ModelError, match=rf"features\.\S+ cannot be trained with {sizes}"):
        reference.step(network, images, np.zeros(1, np.int64), masks={})
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        torch_efficientnet.build(network, torch.float64)(torch.from_numpy(images))


def test_one_value_per_channel_is_enough_for_inference() -> None:
    """In inference such an image has logits, and they are PyTorch's."""
    network, images = torch_efficientnet.drawn_network(SMALL, 0), np.random.default_rng(0).standard_normal((1, 3, 1, 1))
    theirs = torch_efficientnet.build(network, torch.float64).eval()(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(reference.predict(network, images), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (3, 8, 8), (2, 8, 8, 3)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    """What is not (n, 3, h, w) is refused with its shape."""
    with pytest.raises(ModelError, match=re.escape(f"(n, 3, height, width), got {shape}")):
        reference.predict(reference.build(SMALL), np.zeros(shape, np.float32))


def test_a_backward_pass_is_made_once() -> None:
    """A backward pass after a forward pass that saved nothing, and a second one, are refused."""
    network = reference.build(SMALL)
    context = PassContext(network.architecture)
    logits = networks.forward(network, np.zeros((1, 3, 8, 8), np.float32), context)
    with pytest.raises(ModelError, match="no backward pass through classifier"):
        networks.backward(network, logits, context)
    context = PassContext(network.architecture, saved={})
    logits = networks.forward(network, np.zeros((1, 3, 8, 8), np.float32), context)
    networks.backward(network, logits, context)
    with pytest.raises(ModelError, match="no backward pass through classifier"):
        networks.backward(network, logits, context)


def test_watching_changes_nothing() -> None:
    """A step that is watched has the bits of one that is not."""
    generator = np.random.default_rng(0)
    network = reference.build(SMALL)
    images, labels = generator.standard_normal((4, 3, 32, 32), np.float32), generator.integers(10, size=4)
    masks = reference.draw(SMALL, 4, generator)
    steps: dict[str, Any] = {}
    plain = reference.step(network, images, labels, masks=masks)
    watched = reference.step(network, images, labels, masks=masks, watch=steps.__setitem__, watch_back=lambda *_: None)
    np.testing.assert_array_equal(plain.logits, steps["classifier.1"])
    for name, gradient in reference.flat(plain.gradients).items():
        np.testing.assert_array_equal(gradient, reference.flat(watched.gradients)[name])


def test_a_step_changes_nothing_of_the_network() -> None:
    """Parameters and running statistics are what they were; the new statistics are returned."""
    network = reference.build(SMALL)
    before = {name: array.copy() for name, array in reference.state_dict(network).items()}
    images = np.random.default_rng(0).standard_normal((4, 3, 32, 32), np.float32)
    step = reference.step(network, images, np.zeros(4, np.int64), masks={})
    for name, array in reference.state_dict(network).items():
        np.testing.assert_array_equal(array, before[name])
    assert reference.flat(step.statistics).keys() == reference.flat(network.statistics).keys()
    assert step.statistics["features"]["0"]["1"]["num_batches_tracked"] == 1


def test_masks_keep_the_mean() -> None:
    """What is kept is scaled by one over its share; the first block and a share of nothing left out have no mask."""
    architecture = replace(SMALL, dropout=0.4, stochastic_depth=0.5)
    masks = reference.draw(architecture, 4000, np.random.default_rng(0))
    assert sorted(masks) == ["classifier.0", "features.2.1.stochastic_depth", "features.3.1.stochastic_depth"]
    assert set(np.unique(masks["classifier.0"])) == {np.float32(0), np.float32(1 / 0.6)}
    assert all(float(array.mean()) == pytest.approx(1, abs=0.05) for array in masks.values())
    assert reference.draw(replace(SMALL, dropout=0.0, stochastic_depth=0.0), 3, np.random.default_rng(0)) == {}


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((), "at least one stage"),
        ((reference.Stage(1, 4, 1, 8, 8, 1),), "kernels are odd"),
        ((reference.Stage(1, 3, 3, 8, 8, 1),), "strides are 1 or 2"),
        ((reference.Stage(1, 3, 1, 8, 8, 1), reference.Stage(1, 3, 1, 16, 8, 1)), "takes 16 channels, and gets 8"),
    ],
)
def test_an_impossible_table_is_refused(stages: tuple[reference.Stage, ...], message: str) -> None:
    """Even kernels, other strides and stages that do not meet are errors of the configuration."""
    with pytest.raises(ConfigError, match=message):
        reference.Architecture(stages)


def test_an_unknown_name_is_refused() -> None:
    """An unknown name is refused with the known ones."""
    with pytest.raises(ConfigError, match="the reference has no 'efficientnet_b8'; it has efficientnet_b0, "):
        reference.build("efficientnet_b8")


def test_the_example_is_true() -> None:
    """The example in the package's docstring runs as shown."""
    outcome = doctest.testmod(reference)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.slow
def test_a_small_network_learns_digits() -> None:
    """After 60 steps of 64 images of 32 x 32 the small network names nine of ten validation digits."""
    digits = load_digits()
    enlarged = np.repeat(np.repeat(digits.images, 4, axis=1), 4, axis=2)[:, np.newaxis] / 8 - 1
    images = np.repeat(enlarged, 3, axis=1).astype(np.float32)
    generator = np.random.default_rng(0)
    order = generator.permutation(len(images))
    train, validation = order[300:], order[:300]
    network, state = reference.build(SMALL, seed=0), reference.State()
    for _ in range(60):
        batch = generator.choice(train, 64)
        masks = reference.draw(SMALL, 64, generator)
        step = reference.step(network, images[batch], digits.target[batch], masks=masks, smoothing=0.1)
        parameters, state = reference.nadam(network.parameters, step.gradients, state, reference.Nadam(lr=0.01))
        network = network._replace(parameters=parameters, statistics=step.statistics)
    predicted = reference.predict(network, images[validation]).argmax(axis=1)
    assert np.mean(predicted == digits.target[validation]) > 0.9


@pytest.mark.parametrize("labels", [[10, 0], [-1, 0], [0], [0, 1, 2]])
def test_labels_that_are_not_classes_are_refused(labels: list[int]) -> None:
    """Labels out of range, and another number of labels than images, are refused as PyTorch refuses them."""
    network, images = reference.build("efficientnet_small"), np.zeros((2, 3, 32, 32), np.float32)
    with pytest.raises(ModelError, match="labels are a class number below 10 for each of 2 images"):
        reference.step(network, images, np.array(labels), masks={})
