"""imgcls.data.places.urls: URLs are distinguished from paths, and shown without keys."""

import pytest

from dataset_forms import listed
from imgcls.data.places import urls
from imgcls.errors import ConfigError


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ("https://me:secret@host/a@1/b.zip?token=secret", "https://host/a@1/b.zip"),
        ("s3://bucket/a.tar", "s3://bucket/a.tar"),
        ("dir/what?.tar", "dir/what?.tar"),
        ("hf://datasets/o/n@c0ffee/a.zip", "hf://datasets/o/n@c0ffee/a.zip"),
    ],
)
def test_keys_in_urls_are_not_shown(container: str, text: str) -> None:
    """Neither a password nor what follows the path; paths are as they are."""
    assert urls.shown(container) == text


@pytest.mark.parametrize("path", ["a.zip?token=secret", "{0..1}.tar?token=secret", "photos?token=secret"])
def test_no_error_shows_a_key(path: str) -> None:
    """Of a server that is not there."""
    with pytest.raises(ConfigError) as caught:
        listed(f"http://me:secret@127.0.0.1:9/{path}")
    assert ("refused" in str(caught.value)) == path.startswith(("a", "{"))
    assert "secret" not in str(caught.value)
