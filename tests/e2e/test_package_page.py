"""What a package index shows: the README with links that lead somewhere, and the addresses of the project."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from build.util import project_wheel_metadata

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _relative(text: str) -> list[str]:
    return [link for link in LINK.findall(text) if not link.startswith(("https://", "http://", "#", "mailto:"))]


def _substituted(text: str) -> str:
    """As the hook of the build does it."""
    for rule in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    return text


def test_no_link_is_relative() -> None:
    """Each relative link of the README becomes one to the same file of the repository."""
    readme = (ROOT / "README.md").read_text()
    relative = _relative(readme)
    assert len(relative) > 10
    address = PROJECT["project"]["urls"]["Homepage"]
    text = _substituted(readme)
    assert _relative(text) == []
    assert set(LINK.findall(text)) >= {f"{address}/blob/main/{link}" for link in relative}
    image = _substituted(
        "![a chart](docs/img/chart.png) and [a page](docs/gates.md#anchor), [here](#there), [x](https://x)"
    )
    assert image == (
        f"![a chart]({address}/raw/main/docs/img/chart.png) and [a page]({address}/blob/main/docs/gates.md#anchor), "
        "[here](#there), [x](https://x)"
    )


def test_the_addresses_are_of_one_project() -> None:
    """Homepage, documentation, changes, issues and source."""
    urls = PROJECT["project"]["urls"]
    assert urls.keys() == {"Homepage", "Documentation", "Changelog", "Issues", "Source"}
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())
    assert (ROOT / "CHANGELOG.md").is_file()


@pytest.mark.slow
def test_the_built_metadata_have_them() -> None:
    """As a build for a package index writes them."""
    try:
        metadata = project_wheel_metadata(ROOT)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a package index is not reachable: {error}")
    description = metadata.json["description"]
    assert isinstance(description, str)
    assert description.startswith("# imgcls")
    assert _relative(description) == []
    assert len(metadata.json["project_url"]) == 5
