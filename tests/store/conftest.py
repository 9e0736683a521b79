"""An empty store in a folder of its own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imgcls.store.database import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".imgcls"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with closing(Store(folder)) as opened:
        yield opened
