"""Networks of torch.hub: what an entry of a ``hubconf.py`` returns, which is code of somebody else."""

import contextlib
import hashlib
import pkgutil
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from imgcls import folder_imports
from imgcls.errors import ConfigError, WeightsMissing
from imgcls.messages import one_line
from imgcls.models.sources import base, own_code, places
from imgcls.models.sources.base import Source
from imgcls.models.weights import hosts, network
from imgcls.records.config import ModelSpec, PublishedWeights

HUBCONF, TRUST = "hubconf.py", "trust_repo"

GITHUB = "https://github.com"


class TorchHubSource(Source):
    """``torchhub:REPO:NAME``: an entry of a clone on this machine, or, once it is trusted, of ``OWNER/REPO[:REF]``."""

    libraries = ("torchvision", "timm")

    def build(self, spec: ModelSpec) -> Any:
        """Without weights, unless ``weights`` requests them of the entry."""
        import torch.hub

        folder, (_, name) = _folder(spec), _parts(spec)
        options = {key: value for key, value in spec.options.items() if key != TRUST}
        load = partial(torch.hub.load, str(folder), name, source="local", verbose=False)
        with contextlib.chdir(Path.cwd()), warnings.catch_warnings(), _own_modules(folder):
            warnings.simplefilter("ignore")  # the entry's own, which are not about this configuration
            return own_code.called(spec, load, {**options, **_weights(spec)})

    def load_published(self, spec: ModelSpec) -> tuple[Any, str | None]:
        """What the entry returns, as it is: its own code fetches and reads the weights that it publishes."""
        return base.build(spec), None

    def own_sources(self, spec: ModelSpec, module: Any) -> Mapping[str, str]:
        """``hubconf.py``, and the files of the classes of all layers, by their modules' names."""
        hubconf = (_folder(spec) / HUBCONF).read_bytes()
        return {**own_code.files(module), HUBCONF: hashlib.sha256(hubconf).hexdigest()}


SOURCE = TorchHubSource()


@contextlib.contextmanager
def _own_modules(folder: Path) -> Iterator[None]:
    """Until the context ends, modules of the repository are imported, and not others of their names."""
    names = [module.name for module in pkgutil.iter_modules([str(folder)])]
    with contextlib.ExitStack() as stack:
        for name in names:
            if name not in own_code.LIBRARIES:
                stack.enter_context(folder_imports.first_from(folder, name))
        yield


def _parts(spec: ModelSpec) -> tuple[str, str]:
    """The repository and the name of its entry."""
    repository, _, name = spec.architecture.name.rpartition(":")
    if not repository or not name:
        raise ConfigError(
            f'[models.{spec.name}] arch: {spec.arch!r} names no entry: write "torchhub:path/to/clone:NAME", or '
            '"torchhub:OWNER/REPO:NAME"'
        )
    return repository, name


def _weights(spec: ModelSpec) -> dict[str, Any]:
    """The keyword that requests weights of an entry."""
    if spec.weights == "pretrained":
        return {"pretrained": True}
    weights = spec.weights_source
    return {"weights": weights.tag} if isinstance(weights, PublishedWeights) and weights.tag else {}


def _folder(spec: ModelSpec) -> Path:
    """The clone, or what torch.hub has fetched of the repository. Raises ConfigError where that is not trusted."""
    repository, name = _parts(spec)
    if places.local(spec, repository):
        return places.folder(spec, repository, HUBCONF)
    owner, _, rest = repository.partition("/")
    if not rest or "/" in rest.partition(":")[0] or owner in {"", ".", "..", "~"}:
        raise ConfigError(
            f"[models.{spec.name}] arch: there is no folder {repository}, and it is not a repository OWNER/REPO[:REF]: "
            f"name a clone that has a {HUBCONF}"
        )
    if spec.options.get(TRUST) is not True:
        raise ConfigError(
            f"[models.{spec.name}] {spec.arch} is code from github.com/{repository.partition(':')[0]}, and its "
            f"{HUBCONF} is run when it is loaded: read it, and then set options = {{ {TRUST} = true }}; or clone it, "
            f'and name the clone: arch = "torchhub:path/to/clone:{name}"'
        )
    return _fetched(spec, repository)


def _require_network(spec: ModelSpec, repository: str) -> None:
    """Raise WeightsMissing where nothing may be fetched."""
    if spec.access.offline or network.is_forbidden():
        raise WeightsMissing(
            f"[models.{spec.name}] offline, and github.com/{repository} is not in torch.hub's cache: clone it where "
            'there is a network, carry the clone, and name it: arch = "torchhub:path/to/clone:NAME"'
        )


def _fetched(spec: ModelSpec, repository: str) -> Path:
    """What torch.hub has of a repository, or fetches now. Raises WeightsMissing."""
    import torch.hub

    owner_and_name, _, ref = repository.partition(":")
    folder = Path(torch.hub.get_dir())
    refs = (ref.replace("/", "_"),) if ref else ("main", "master")
    candidates = [folder / f"{owner_and_name.replace('/', '_')}_{name}" for name in refs]
    if not any((candidate / HUBCONF).is_file() for candidate in candidates):
        _require_network(spec, repository)
        try:
            hosts.require(GITHUB)
            with network.stalls_end():
                hub: Any = torch.hub  # untyped
                hub.list(repository, trust_repo=True, skip_validation=True, verbose=False)
        except Exception as error:  # the repository's code is run, and may raise anything
            raise WeightsMissing(
                f"[models.{spec.name}] github.com/{repository} cannot be fetched or read: {one_line(error)}; clone it, "
                'and name the clone: arch = "torchhub:path/to/clone:NAME"'
            ) from error
    return next((place for place in candidates if (place / HUBCONF).is_file()), candidates[0])
