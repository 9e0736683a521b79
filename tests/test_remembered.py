"""remembered: what is found out once is what is found out each time, and what a test installs is its own."""

import shutil
from importlib import metadata
from pathlib import Path

import pytest

import remembered
from imgcls.models import identity
from imgcls.stats import noninferiority


def test_what_is_installed_is_what_is_there() -> None:
    """Names, versions and entry points, in the same order on the import path."""
    assert metadata.distributions is remembered.distributions
    once, again = ([(d.name, d.version, d.entry_points) for d in metadata.distributions()] for _ in range(2))
    assert once == again
    assert sorted(map(str, once)) == sorted(str((d.name, d.version, d.entry_points)) for d in remembered.found())


def test_what_a_test_installs_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution in its own folder is not remembered, nor is that there is none."""
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("own-package")
    place = tmp_path / "own_package-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: own-package\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert metadata.version("own-package") == "1.0"
    assert "own-package" in {distribution.name for distribution in metadata.distributions()}
    shutil.rmtree(place)
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("own-package")


def test_our_source_is_hashed_once_and_a_copy_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test may edit its copy."""
    before = identity.source_sha256("stats/*.py")
    shutil.copytree(Path(str(identity.PACKAGE)) / "stats", tmp_path / "stats")
    monkeypatch.setattr(identity, "PACKAGE", tmp_path)
    assert identity.source_sha256("stats/*.py") == before
    (tmp_path / "stats" / "units.py").write_text("")
    assert identity.source_sha256("stats/*.py") != before


def test_bounds_are_those_of_their_counts() -> None:
    """The very same object for the same arguments, and another one for others."""
    bounds = noninferiority.difference_bounds(3, 1, 50)
    assert noninferiority.difference_bounds(3, 1, 50) is bounds
    assert noninferiority.difference_bounds(1, 3, 50) != bounds
