"""Folders of images as people have them, and a small checkpoint, for the tests of ``imgcls init``."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pillow_heif
import timm
from PIL import Image
from safetensors.torch import save_file

from imgcls.models.weights import random_init

ARCH = "timm:test_resnet"

SHARED = Path(__file__).parents[2] / "shared" / "data"

NESTED = {"animals/cat": 3, "animals/dog": 3, "vehicles/truck": 3}
CYRILLIC = {"кошка": 2, "собака": 2, "грузовик": 2}
SPLIT = {"train/cat": 4, "train/dog": 4, "val/cat": 2, "val/dog": 2}
WNIDS = {"n02123045": 2, "n02123159": 2, "n07920052": 2}


def write_checkpoint(file: Path, classes: Sequence[str] = ()) -> Path:
    """Random weights of a small network that state what they are; without ``classes`` they are ImageNet's."""
    options = {"num_classes": len(classes)} if classes else {}
    network = timm.create_model("test_resnet", **options)
    random_init.fill(network, 0)
    header = {"format": "imgcls-train 1", "arch": ARCH, "classes": json.dumps(classes), "options": json.dumps(options)}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(network.state_dict()), file, metadata=header)
    return file


def write_images(root: Path, folders: Mapping[str, int], suffixes: Sequence[str] = (".png",)) -> None:
    """So many images in each folder, each unlike every other, in these formats by turns."""
    for folder, count in folders.items():
        for number in range(count):
            write_image(root / folder / f"{number}{suffixes[number % len(suffixes)]}")


def write_image(file: Path) -> None:
    """An image of blocks whose colours follow from its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    colours = b"".join(hashlib.sha512(os.fsencode(f"{file}{part}")).digest() for part in range(3))
    image = Image.frombytes("RGB", (8, 8), colours).resize((64, 64), Image.Resampling.NEAREST)
    if file.suffix == ".heic":
        pillow_heif.from_pillow(image).save(file)
    else:
        image.save(file)


def copy_photographs(root: Path, folders: Mapping[str, str], each: int = 2, first: int = 0) -> None:
    """Real photographs: of each of these folders as many of ``photos10`` of that name."""
    for folder, original in folders.items():
        (root / folder).mkdir(parents=True)
        for photograph in sorted((SHARED / "photos10" / original).iterdir())[first : first + each]:
            shutil.copy(photograph, root / folder)
