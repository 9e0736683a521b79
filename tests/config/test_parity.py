"""imgcls.config.parity: gates on exports are read like gates on scores, and a useless one is refused."""

from pathlib import Path

import pytest

from configurations import BASE, assert_refused, load_text
from imgcls.config import loader
from imgcls.errors import ConfigError
from imgcls.records.thresholds import Margin, ParityGate

SHIPPED = BASE + "exports = { onnx = 'wide.onnx' }\n"
"""Of both models, only ``wide`` has an export."""

UNSHOWN = "0 can be shown by no number of images; without confidence, none must be observed"

NO_EXPORTS = 'the model has no exports to compare: [models.net.exports] names them, as in onnx = "net.onnx"'


def test_every_key_arrives(tmp_path: Path) -> None:
    """Each threshold of the table is in the gate, with 95 % where a margin states no confidence."""
    gate = "{ flips = 0.002, confidence = 0.9, top1 = { margin = 0.005 }, logits = 0.02, "
    gate += "top5 = { margin = 0.01, confidence = 0.99 } }"
    expected = ParityGate(0.002, 0.9, Margin(0.005), Margin(0.01, 0.99), 0.02)
    loaded = load_text(tmp_path, f"{SHIPPED}[parity.wide]\nphotos = {gate}\n")
    assert loaded.parity == {("wide", "photos"): expected}
    assert loaded.parity_pairs() == [("wide", "photos")]


def test_a_star_holds_for_every_model_with_exports(tmp_path: Path) -> None:
    """``"*"`` gives the keys that a model does not give itself, and models without exports have no gate."""
    text = (
        SHIPPED
        + """
        [parity."*"]
        photos = { flips = 0.002, logits = 0.02 }
        [parity.wide]
        photos = { flips = 0.01 }
        other = { logits = 1 }
        """
    )
    assert load_text(tmp_path, text).parity == {
        ("wide", "photos"): ParityGate(flips=0.01, logits=0.02),
        ("wide", "other"): ParityGate(logits=1.0),
    }


def test_without_gates_a_model_is_compared_on_all_its_datasets(tmp_path: Path) -> None:
    """Exports are compared where there is no gate, too."""
    assert load_text(tmp_path, SHIPPED).parity_pairs() == [("wide", "photos"), ("wide", "other")]


def test_a_selection_has_only_its_gates(tmp_path: Path) -> None:
    """The gate of a dataset that is not selected is not among the settings."""
    gates = "[parity.wide]\nphotos = { flips = 0 }\nother = { logits = 1 }\n"
    selected = loader.select(load_text(tmp_path, SHIPPED + gates), None, ["other"])
    assert selected.parity == {("wide", "other"): ParityGate(logits=1.0)}


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (
            "[parity.net]\nphotos = { flips = 0.1 }",
            f"[parity.net]: {NO_EXPORTS}",
        ),
        ("[parity.wied]\nphotos = { flips = 0.1 }", "[parity.wied]: no model 'wied'; did you mean 'wide'?"),
        ("[parity.wide]\nphoto = { flips = 0.1 }", "[parity.wide] photo: unknown key; did you mean 'photos'?"),
        (
            "[parity.wide]\nphotos = { flip = 0.1 }",
            "[parity.wide.photos] flip: unknown key; did you mean 'flips'?",
        ),
        (
            "[parity.wide]\nphotos = {}",
            "[parity.wide.photos]: a gate needs a threshold: flips, top1, top5 or logits",
        ),
        (
            "[parity.wide]\nphotos = { confidence = 0.95, logits = 1 }",
            "[parity.wide.photos] confidence: is about flips, and this gate has none: add flips = 0.002",
        ),
        (
            "[parity.wide]\nphotos = { confidence = 0.95, flips = 0 }",
            f"[parity.wide.photos] flips: {UNSHOWN}",
        ),
        (
            "[parity.wide]\nphotos = { flips = 1 }",
            "[parity.wide.photos] flips: 1 allows everything; it must be below 1",
        ),
        (
            "[parity.wide]\nphotos = { flips = 2 }",
            "[parity.wide.photos] flips: 2 is not a fraction in [0, 1]; write 0.02",
        ),
        (
            "[parity.wide]\nphotos = { top1 = 0.005 }",
            "[parity.wide.photos] top1: must be a table, as in { margin = 0.005 }, not 0.005",
        ),
        (
            "[parity.wide]\nphotos = { top1 = {} }",
            "[parity.wide.photos.top1] margin: is missing: how much worse the model may be, as a fraction",
        ),
        (
            "[parity.wide]\nphotos = { logits = 0 }",
            "[parity.wide.photos] logits: must be a number above 0, not 0",
        ),
        ("[parity]\nwide = 3", "parity.wide must be a table"),
    ],
)
def test_a_wrong_gate_is_refused(tmp_path: Path, gates: str, message: str) -> None:
    """The message names the file, the table and the key, and what to write."""
    assert_refused(tmp_path, f"{SHIPPED}{gates}\n", message)


def test_a_gate_that_could_never_be_shown_is_refused(tmp_path: Path) -> None:
    """On a dataset that its model leaves out, or without any model that has exports."""
    text = SHIPPED + 'datasets = ["other"]\n[parity.wide]\nphotos = { flips = 0 }\n'
    why = "[models.wide] datasets leaves 'photos' out, so this gate could never be shown"
    assert_refused(tmp_path, text, f"[parity.wide.photos]: {why}")
    text = BASE + '[parity."*"]\nphotos = { flips = 0 }\n'
    why = "no model with exports is scored on 'photos', so this gate could never be shown"
    assert_refused(tmp_path, text, f"[parity.*.photos]: {why}")


def test_two_files_may_not_give_the_same_gate(tmp_path: Path) -> None:
    """Tables of several files count together, each once."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(SHIPPED + "[parity.wide]\nphotos = { flips = 0 }\n")
    second.write_text("[parity.wide]\nother = { flips = 0 }\n")
    with pytest.raises(ConfigError, match=r"\[parity.wide\] is already given by another configuration file$"):
        loader.load([first, second])
