"""Plants faults of preprocessing in a serving function, and counts how many are named.

    python bench/parity_serving.py

Each is a module with a function that takes an image's bytes, held against SqueezeNet by imgcls.serving.check.compare on
the images made for that and 8 photographs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from imgcls.data import listing
from imgcls.models import loader
from imgcls.records.config import ServingSpec
from imgcls.serving import check
from parity_networks import DATA, specs

MODULE = """
import io
import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.transforms import v2
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
def pixels(data):
    return Image.open(io.BytesIO(data))
def crop(image, resize=256):
    return v2.CenterCrop(224)(v2.Resize(resize)(image.convert("RGB")))
def normalised(image):
    return (np.asarray(image, np.float32) / 255 - MEAN) / STD
def first(values):
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)
def without_antialias(image):
    tensor = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    return v2.CenterCrop(224)(v2.Resize(256, antialias=False)(tensor)).permute(1, 2, 0).numpy()
def prepare(data):
    return {}
"""

SERVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "16 bits clipped": ("first(normalised(crop(pixels(data))))", ("16 bits clipped",)),
    "crop of another size": ("first(normalised(crop(pixels(data), 232)))", ("crop fraction",)),
    "antialias off": ("first(normalised(without_antialias(pixels(data))))", ("bilinear without antialias",)),
    "Exif orientation applied": (
        "first(normalised(crop(ImageOps.exif_transpose(pixels(data)))))", ("Exif orientation applied",)
    ),
    "BGR": ("first(normalised(np.asarray(crop(pixels(data)))[..., ::-1]))", ("channel order", "swapped channels")),
    "normalised twice": ("first((normalised(crop(pixels(data))) - MEAN) / STD)", ("normalised twice",)),
    "[0, 255]": ("first(np.asarray(crop(pixels(data)), np.float32))", ("raw bytes",)),
    "NHWC": ("normalised(crop(pixels(data))).reshape(3, 224, 224)", ("NHWC read as NCHW",)),
}  # fmt: skip
"""What the function returns, and what it is to be called: Pillow itself clips 16 bits, which all of them do."""


def main() -> int:
    model = loader.load(specs()["squeezenet"], "cpu")
    images = listing.find("photos10", DATA / "photos10").images[::7]
    right = 0
    for number, (fault, (returned, names)) in enumerate(SERVED.items()):
        with TemporaryDirectory() as folder:
            (Path(folder) / f"served{number}.py").write_text(MODULE.format(returned))
            serving = ServingSpec(preprocess=f"python:served{number}:prepare")
            found = check.compare(model, serving, None, images=images, folder=Path(folder))
        named = [one.name for one in found.faults]
        is_right = bool(named) and named[0].startswith(names)
        right += is_right
        share = found.faults[0].explained if found.faults else None
        cells = (
            fault,
            ", ".join(named) or "same",
            "" if share is None else f"{share:.0%}",
            "yes" if is_right else "no",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"{right} of {len(SERVED)} serving functions judged right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
