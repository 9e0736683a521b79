"""A machine without network: a configuration, its lock and its folder of weights are all that a run needs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from PIL import Image
from safetensors.torch import save

from conftest import Command
from networks import filled
from weights_site import Site

NAME = "test_resnet.r160_in1k"
CONFIGURATION = f"""
[datasets.animals]
path = "animals"
[models.net]
arch = "timm:{NAME}"
runtime = "eager"
"""
WITHOUT_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")


@pytest.fixture
def connected(
    site: Site, hub_at: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_weights: None
) -> Path:
    """A machine with network, its project, and a hub that has the weights."""
    assert no_weights is None
    site.publish(f"timm/{NAME}", "model.safetensors", save(filled(timm.create_model("test_resnet")).state_dict()))
    hub_at(site.url)
    folder = tmp_path / "connected"
    for wnid, colour in (("n01440764", "red"), ("n01443537", "green")):
        (folder / "animals" / wnid).mkdir(parents=True)
        Image.new("RGB", (32, 32), colour).save(folder / "animals" / wnid / "1.png")
    (folder / "imgcls.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def away(connected: Path, imgcls: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Another machine, to which project, lock and folder were carried; its environment: empty caches, no network."""
    assert imgcls("weights", "fetch", "--to", "weights").ret == 0
    shutil.copytree(connected, tmp_path / "away")
    shutil.rmtree(connected)
    monkeypatch.chdir(tmp_path / "away")
    home = str(tmp_path / "home")
    return {**WITHOUT_NETWORK, "HOME": home, "HF_HOME": home, "TORCH_HOME": home, "XDG_CACHE_HOME": home}


@pytest.mark.slow
def test_verify_score_and_report_work_from_the_folder(
    away: dict[str, str], imgcls: Command, imgcls_process: Command
) -> None:
    """Without a word about the network; the scoring in a process of its own, which has nothing in memory."""
    verified = imgcls("weights", "verify", **away)
    assert (verified.ret, verified.errlines) == (0, [])
    assert verified.outlines[-1].endswith("1 of 1 file as listed")
    scored = imgcls_process("score", "--offline", "--json", "run.json", **away)
    assert scored.ret == 0
    assert not any("cannot get" in line for line in (*scored.outlines, *scored.errlines))
    assert imgcls("report", "run.json", "-o", "report.html", **away).ret == 0
    assert Path("report.html").stat().st_size > 10_000


def test_a_damaged_folder_is_noticed(away: dict[str, str], imgcls: Command) -> None:
    """Its file is neither loaded nor fetched anew."""
    [file] = Path("weights").rglob("*.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    result = imgcls("score", "--offline", **away)
    assert result.ret == 1
    assert any("is not the file that the lock lists" in line for line in result.outlines)


@pytest.mark.parametrize("arch", ["torchvision:resnet50", "timm:resnet50.a1_in1k"])
def test_what_is_not_there_is_one_line(
    away: dict[str, str], imgcls: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arch: str
) -> None:
    """Without a lock, and with a network that does not exist: the file, the reason, and the way out."""
    monkeypatch.chdir(tmp_path)
    result = imgcls("predict", "away/animals", "--models", arch, **away)
    assert result.ret == 3
    assert result.outlines == []
    [line] = [line for line in result.errlines if "cannot get" in line]
    assert line.startswith(f"imgcls: {arch}: cannot get ")
    assert "Connection refused; put it by hand at " in line


@pytest.mark.slow
def test_a_network_that_hangs_delays_nothing(
    away: dict[str, str], python: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One attempt to connect serves all models."""
    monkeypatch.chdir(tmp_path)
    program = (
        "import socket, sys, time; from imgcls.cli.main import main; from imgcls.models.weights import hosts\n"
        "waited = []; socket.getaddrinfo = lambda *_, **__: time.sleep(60)\n"
        "require = hosts.require\n"
        "def timed(url):\n"
        "    begin = time.monotonic()\n"
        "    try: require(url)\n"
        "    finally: waited.append(time.monotonic() - begin)\n"
        "hosts.require = timed\n"
        "code = main(['predict', 'away/animals', '--models', 'torchvision:resnet50,torchvision:alexnet'])\n"
        "print(code, len(waited), sum(waited) < 2.5)"
    )
    result = python(program, **{name: value for name, value in away.items() if "proxy" not in name.lower()})
    assert result.outlines[-1] == "3 2 True"
    lines = [line for line in result.errlines if "no connection to download.pytorch.org within 2 s" in line]
    assert len(lines) == 2


COMMANDS = (
    "predict away/animals --models resnet50",
    "predict away/animals --models timm:resnet50.a1_in1k",
    "score --data away/animals --models resnet50,timm:vgg11",
    "compare resnet50 alexnet --data away/animals",
    "report resnet50 --data away/animals -o out",
    "profile resnet50",
    "parity resnet50 --exports net.onnx --data away/animals",
    "quantize resnet50 --data away/animals",
    "bench-compare resnet50 alexnet",
    "train away/animals --arch resnet50 --weights pretrained --epochs 1 --out run",
    "weights fetch --models resnet50 --to weights",
    "weights lock --models timm:resnet50.a1_in1k",
    "labels list timm:hf-hub:org/net",
)


@pytest.mark.slow
@pytest.mark.parametrize("offline", ["", " --offline"])
def test_no_command_imports_torch_to_find_that_weights_are_absent(
    away: dict[str, str], python: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, offline: str
) -> None:
    """A line for each model and exit code 3, as soon as the command line was read, offline or not."""
    monkeypatch.chdir(tmp_path)
    program = (
        "import sys; from imgcls.cli.main import main\n"
        f"for line in {COMMANDS!r}:\n"
        f"    print(main((line + {offline!r}).split()), 'torch' in sys.modules, line)"
    )
    result = python(program, **away)
    assert result.outlines == [f"3 False {line}" for line in COMMANDS]
    assert len(result.errlines) == len(COMMANDS) + 3
    assert all("cannot get " in line for line in result.errlines)
    assert sum(line.endswith("a training begins with a copy by --weights FILE") for line in result.errlines) == 1
