"""The goldens that come with the repository: torchvision's and timm's architectures, and real weights on photographs.

``pytest tests/e2e/test_goldens.py --imgcls-update-golden -rP`` writes them anew and shows what changed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def _compare(pytestconfig: pytest.Config, store: Path, *configurations: Path, device: str = "cpu") -> str:
    """The golden tests of the ready-made suite, in a session of their own at the repository's root; what it printed."""
    command = [sys.executable, "-m", "pytest", "tests/e2e/test_suite.py", "-m", "golden", "-p", "no:cacheprovider"]
    command += [f"--imgcls-config={file}" for file in configurations]
    command += [f"--imgcls-device={device}", f"--imgcls-store={store}"]
    command += ["--imgcls-update-golden"] if pytestconfig.getoption("--imgcls-update-golden") else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout)  # noqa: T201 - what changed, with -rP
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _architectures(photographs: Path, folder: Path) -> tuple[Path, Path]:
    """The configurations of the seven and of three photographs, whose goldens are compared."""
    configuration = folder / "pictures.toml"
    configuration.write_text(f'[datasets.pictures]\npath = "{photographs}"\nlabels = "wnid"\ngolden = true\n')
    return ROOT / "bench" / "architectures.toml", configuration


def test_seven_architectures_are_as_recorded(pytestconfig: pytest.Config, photographs: Path, tmp_path: Path) -> None:
    """AlexNet, GoogLeNet, ResNet50, RegNet, ViT-B/16, EfficientNetV2-M and ResNetV2-50x1 at random:0."""
    output = _compare(pytestconfig, tmp_path / "store", *_architectures(photographs, tmp_path))
    assert "7 passed" in output


def test_seven_architectures_are_as_recorded_on_a_gpu(
    pytestconfig: pytest.Config, photographs: Path, tmp_path: Path, cuda: str
) -> None:
    """The goldens are those of a CPU, and so is what they allow, ten times as much."""
    output = _compare(pytestconfig, tmp_path / "store", *_architectures(photographs, tmp_path), device=cuda)
    assert "7 passed" in output
    assert output.count("another kind of device, cpu -> cuda") == 7


@pytest.mark.shared
def test_real_weights_are_as_recorded(pytestconfig: pytest.Config, shared_data: Path, tmp_path: Path) -> None:
    """Three networks with their ImageNet weights on 50 photographs."""
    output = _compare(pytestconfig, tmp_path / "store", shared_data / "imgcls.toml")
    assert "3 passed" in output
