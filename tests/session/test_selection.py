"""imgcls.session.selection: the configuration in reach, and what names mean."""

from pathlib import Path

import pytest

from imgcls.errors import ConfigError
from imgcls.session import selection


@pytest.mark.usefixtures("project")
def test_the_configuration_in_reach_is_read() -> None:
    """From the working folder upwards."""
    assert list(selection.settings([]).models) == ["colour"]


def test_no_configuration_is_an_error_with_a_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the built-in dataset."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no imgcls.toml or \[tool.imgcls\] from .* upwards: write one"):
        selection.settings([])


@pytest.mark.usefixtures("project")
def test_names_are_models_of_the_configuration_or_architectures() -> None:
    """In this order; a name that is neither is refused with what there is."""
    models = selection.requested_models([], ["colour", "timm:test_resnet", "squeezenet1_0"])
    assert [spec.arch for spec in models] == ["python:nets:colour", "timm:test_resnet", "torchvision:squeezenet1_0"]
    with pytest.raises(ConfigError, match="no model 'color' in the configuration; did you mean 'colour'"):
        selection.requested_models([], ["color"])


def test_a_file_of_weights_is_not_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that makes a model of it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"`imgcls init --data DIR --models 'my nets/a.pth'` writes one$"):
        selection.requested_models([], ["my nets/a.pth"])


@pytest.mark.usefixtures("project")
def test_no_names_are_all_models() -> None:
    """Of the configuration in reach."""
    assert [spec.name for spec in selection.requested_models([], None)] == ["colour"]
