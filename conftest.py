"""The repository's own choices above tests/ and bench/; no logic of the product."""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from types import ModuleType

import pytest

collect_ignore = ["bench/plugin_suites"]  # what bench/plugin_matrix.py runs, in folders of its own


def _require_or_skip(what: str, reason: str) -> None:
    """Skip by name, unless ``IMGCLS_REQUIRE`` (comma-separated) states that this must not be skipped."""
    if what in os.environ.get("IMGCLS_REQUIRE", "").split(","):
        pytest.fail(f"IMGCLS_REQUIRE requires {what}: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """The folder of real photographs and weights, from IMGCLS_SHARED_DATA or next to the repository."""
    default = pytestconfig.rootpath.parent / "shared" / "data"
    folder = Path(os.environ.get("IMGCLS_SHARED_DATA", default))
    if not folder.is_dir():
        _require_or_skip("shared", f"shared: no real photographs at {folder}")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The command of a Chromium."""
    command = next(filter(which, ("chromium", "chromium-browser", "google-chrome")), None)
    if not command:
        _require_or_skip("browser", "browser: no Chromium here: apt-get install chromium")
    return str(command)


@pytest.fixture(scope="session")
def axe_core(pytestconfig: pytest.Config) -> str:
    """The script of axe-core, which finds what keeps people from using a page."""
    script = pytestconfig.rootpath / "tests" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        _require_or_skip("browser", "browser: axe-core is not installed: npm ci --prefix tests/npm")
    return script.read_text("utf-8")


@pytest.fixture(scope="session")
def cuda() -> str:
    """The name of a CUDA device."""
    import torch

    if not torch.cuda.is_available():
        _require_or_skip("cuda", "cuda: no CUDA device here")
    return "cuda"


@pytest.fixture(scope="session")
def cupy(cuda: str) -> ModuleType:
    """CuPy, where there is a GPU for it."""
    if not find_spec("cupy"):
        pytest.skip(f"cupy: not installed next to {cuda}")
    return import_module("cupy")
