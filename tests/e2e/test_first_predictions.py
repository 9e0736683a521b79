"""``examples/imagenet``: real ImageNet predictions from nothing but packages of the package index."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import imgcls
from imgcls.config import loader as configuration
from imgcls.errors import ConfigError, ImgclsError
from imgcls.models import loader

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "imagenet"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the photographs and the weights of the network whose package the tests depend on."""
    folder = tmp_path_factory.mktemp("imagenet")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("photos", "weights"))
    code = (
        "import gather; gather.COPIES = {k: v for k, v in gather.COPIES.items() "
        "if not k.startswith('weights/lite1') and not k.startswith('weights/lite2')}; gather.main()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    return folder


def test_a_newcomer_gets_imagenet_predictions(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five of the six photographs have the right best class, and each has it among the five best."""
    monkeypatch.chdir(example)
    scores = imgcls.score("lite0", "photos", config="imgcls.toml", store=None)
    assert (scores.scored, round(6 * scores.top1), scores.top5) == (6, 5, 1.0)
    [prediction] = imgcls.predict("lite0", "photos/cat/chelsea.png", config="imgcls.toml", top=3)
    assert [best.name for best in prediction.top] == ["tiger cat", "Egyptian cat", "tabby, tabby cat"]


def test_the_message_about_other_names_states_the_key_to_write(example: Path) -> None:
    """Without it the weights do not fit; with the key that the error names, they do."""
    settings = configuration.load([example / "imgcls.toml"])
    text = (example / "imgcls.toml").read_text(encoding="utf-8").replace('match = "order"\n', "", 1)
    (example / "plain.toml").write_text(text, encoding="utf-8")
    with pytest.raises((ConfigError, ImgclsError), match='match = "order"'):
        loader.load(configuration.load([example / "plain.toml"]).models["lite0"], "cpu")
    assert loader.load(settings.models["lite0"], "cpu").info.parameters == 4_652_008
