"""imgcls.models.weights.early: a connection is begun where weights seem not to be here, and only there."""

from dataclasses import replace
from pathlib import Path

import pytest

from imgcls.errors import ConfigError, WeightsMissing
from imgcls.models.weights import early, hosts
from imgcls.records.config import ModelSpec
from imgcls.records.weights import LockedFile, WeightsAccess, WeightsLock

TORCH, HUB = "https://download.pytorch.org/models/", "https://huggingface.co"


@pytest.fixture
def begun(no_weights: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is connected to."""
    assert no_weights is None
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    urls: list[str] = []
    monkeypatch.setattr(hosts, "begin", urls.append)
    return urls


@pytest.mark.parametrize(
    ("arch", "url"),
    [
        ("torchvision:resnet50", TORCH),
        ("reference:efficientnet_b0", TORCH),
        ("timm:resnet50.a1_in1k", HUB),
        ("timm:hf-hub:org/net", HUB),
        ("transformers:org/net@main", HUB),
        ("python:nets:colour", None),
        ("onnx:net.onnx", None),
        ("timm:local-dir:net", None),
    ],
)
def test_each_source_has_its_site(begun: list[str], arch: str, url: str | None) -> None:
    """Those that publish weights."""
    early.connect([ModelSpec("net", arch)])
    assert begun == ([url] if url else [])


@pytest.mark.parametrize("trust", [True, False])
def test_code_of_a_repository_is_fetched_once_it_is_trusted(begun: list[str], tmp_path: Path, *, trust: bool) -> None:
    """And once only: what torch.hub has needs no connection, nor does a clone."""
    spec = ModelSpec("net", "torchhub:somebody/nets:v1:colour", options={"trust_repo": trust}, folder=tmp_path)
    early.connect([spec])
    assert begun == (["https://github.com"] if trust else [])
    begun.clear()
    (tmp_path / "torch" / "hub" / "somebody_nets_v1").mkdir(parents=True)
    (tmp_path / "clone").mkdir()
    early.connect([spec, replace(spec, arch="torchhub:clone:colour")])
    assert begun == []


@pytest.mark.parametrize(
    ("arch", "file"),
    [
        ("torchvision:resnet50", "torch/hub/checkpoints/resnet50-11ad3fa6.pth"),
        ("torchvision:shufflenet_v2_x0_5", "torch/hub/checkpoints/shufflenetv2_x0.5-f707e7126e.pth"),
        ("timm:resnet50", "hub/models--timm--resnet50.a1_in1k/refs"),
        ("timm:hf-hub:org/net@v1", "hub/models--org--net/refs"),
    ],
)
def test_what_is_in_a_cache_needs_no_connection(begun: list[str], tmp_path: Path, arch: str, file: str) -> None:
    """Its name begins with that of the network."""
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    early.connect([ModelSpec("net", arch)])
    assert begun == []


@pytest.mark.parametrize("why", ["offline", "variable", "random", "file", "unlisted", "carried"])
def test_what_is_not_fetched_needs_no_connection(
    begun: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Offline, without published weights, or with a lock that has them here or does not list them."""
    file = tmp_path / "net.pth"
    file.touch()
    entry = LockedFile("net.pth", "0" * 64, 0, url=TORCH, path=file, models=("net",))
    locks: dict[str, tuple[LockedFile, ...]] = {"unlisted": (), "carried": (entry,)}
    lock = WeightsLock(tmp_path / "imgcls.lock", locks[why]) if why in locks else None
    weights: Path | str | None = file if why == "file" else "random:0" if why == "random" else None
    if why == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    spec = ModelSpec("net", "torchvision:resnet50", weights, access=WeightsAccess("net", lock, why == "offline"))
    early.connect([spec])
    assert begun == []


def test_a_mirror_is_what_is_connected_to(begun: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one."""
    monkeypatch.setenv("IMGCLS_WEIGHTS_MIRROR", "https://mirror.example")
    early.connect([ModelSpec("net", "torchvision:resnet50")])
    assert begun == ["https://mirror.example/download.pytorch.org/models/"]


RESNET = "resnet50-11ad3fa6.pth"


@pytest.fixture
def unreachable(no_weights: None, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that accepts no connection."""
    assert no_weights is None
    monkeypatch.setenv("IMGCLS_WEIGHTS_MIRROR", closed)


@pytest.mark.usefixtures("unreachable")
def test_weights_that_are_absent_are_one_line_for_each_model() -> None:
    """The line that loading would have had, and the names where there are several."""
    specs = [ModelSpec("one", "torchvision:resnet50"), ModelSpec("two", "timm:resnet50.a1_in1k")]
    with pytest.raises(
        WeightsMissing, match=rf"^one: cannot get {RESNET} from http.*Connection refused; put it by hand at"
    ):
        early.require(specs[:1])
    with pytest.raises(WeightsMissing) as raised:
        early.require(specs)
    assert [line.partition(" from ")[0] for line in str(raised.value).splitlines()] == [
        f"one: cannot get {RESNET}",
        "two: cannot get model.safetensors",
    ]


@pytest.mark.usefixtures("unreachable")
def test_one_model_that_may_load_lets_the_others_fail_by_themselves() -> None:
    """And without models there is nothing to fail."""
    specs = [ModelSpec("one", "torchvision:resnet50"), ModelSpec("own", "torchvision:resnet50", "random:0")]
    assert [early.absence(spec) is None for spec in specs] == [False, True]
    early.require(specs)
    early.require([])


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize(
    ("arch", "file"),
    [
        ("torchvision:resnet50", f"torch/hub/checkpoints/{RESNET}"),
        ("timm:resnet50.a1_in1k", "hub/models--timm--resnet50.a1_in1k/snapshots/main/pytorch_model.bin"),
    ],
)
def test_what_is_in_a_cache_is_not_absent(tmp_path: Path, arch: str, file: str) -> None:
    """Of timm's two names either one."""
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert early.absence(ModelSpec("net", arch)) is None


@pytest.mark.usefixtures("no_weights")
def test_offline_is_not_a_connection() -> None:
    """The line has the command that fetches the file elsewhere."""
    spec = ModelSpec("net", "torchvision:resnet50", access=WeightsAccess("net", offline=True))
    reason = str(early.absence(spec))
    assert reason.startswith(f"cannot get {RESNET}: offline, and it is not at ")
    assert "`imgcls weights fetch --models net --to weights`" in reason


@pytest.mark.usefixtures("no_weights")
def test_a_lock_decides_what_is_here(tmp_path: Path) -> None:
    """A file that it does not list is refused, and one that it lists may lie in its folder."""
    file = tmp_path / RESNET
    file.touch()
    entry = LockedFile(RESNET, "0" * 64, 0, url=TORCH + RESNET, path=file, models=("net",))
    for files, kind in (((), ConfigError), ((entry,), type(None))):
        lock = WeightsLock(tmp_path / "imgcls.lock", files)
        spec = ModelSpec("net", "torchvision:resnet50", access=WeightsAccess("net", lock))
        assert isinstance(early.absence(spec), kind)
    lock = WeightsLock(tmp_path / "imgcls.lock")
    with pytest.raises(
        ConfigError, match=rf"^net: {RESNET} .* is not in .*`imgcls weights lock --models net` lists it"
    ):
        early.require([ModelSpec("net", "torchvision:resnet50", access=WeightsAccess("net", lock))])
