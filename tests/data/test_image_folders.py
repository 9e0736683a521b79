"""imgcls.data.image_folders: the folder of an archive that holds the class folders, next to what describes them."""

from pathlib import Path

import pytest

from imgcls.data import image_folders


def _put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


CUB = ("images/001.Albatross/1.jpg", "images/002.Crow/2.jpg", "images.txt", "parts/parts.txt", "attributes/a/b.txt")


@pytest.mark.parametrize(
    ("paths", "inner"),
    [
        (CUB, "images"),
        (("Images/cat/1.jpg", "Images/dog/2.jpg", "Annotation/cat/1.xml"), "Images"),  # as Stanford Dogs has them
        (("data/a/b/1.jpg", "data/c/2.jpg"), "data"),
        ((*CUB, "segmentations/001.Albatross/1.png"), None),  # also images
        ((*CUB, "montage.jpg"), None),
        (("images/1.jpg", "images/cat/2.jpg", "images/dog/3.jpg"), None),  # a class
        (("images/indoors/1.jpg",), None),  # perhaps a class
        (("cat/1.jpg", "dog/2.jpg"), None),
        (("cat/indoors/1.jpg", "cat/outdoors/2.jpg"), None),
        ((), None),
    ],
)
def test_the_only_folder_of_images_is_no_class_where_it_holds_folders_of_them(
    tmp_path: Path, paths: tuple[str, ...], inner: str | None
) -> None:
    """And is called as folders of images are."""
    _put(tmp_path, *paths)
    assert image_folders.of_classes(tmp_path) == inner


def test_an_image_is_found_at_the_depth_that_counts(tmp_path: Path) -> None:
    """Down to six folders; what is hidden is none."""
    _put(tmp_path, "a/1.jpg", "b/c/d/e/f/1.jpg", "g/h/i/j/k/l/1.jpg", ".m/1.jpg", "n/a/b/c/d/e/f/1.jpg")
    found = {name: image_folders.has_image(tmp_path / name) for name in "abgn"}
    assert found == {"a": True, "b": True, "g": True, "n": False}
    assert not image_folders.has_image(tmp_path / "a", at_least=1)
    assert image_folders.folders_in(tmp_path) == ["a", "b", "g", "n"]
