"""What every part of the measurement is given: where it runs, on which models, with how many images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgcls.records.config import ModelSpec

ROOT = Path(__file__).parents[2]

SEVEN = ROOT / "bench" / "architectures.toml"

TINY = """
[models.resnet50]
arch = "timm:test_resnet"
input = { resize = 32, crop = 32 }
[models.vit_b16]
arch = "timm:test_vit"
options = { img_size = 32, patch_size = 8 }
input = { resize = 32, crop = 32 }
"""
"""What a dry run has in place of the seven: two networks that take milliseconds, under the names of real ones."""

REQUESTED = 'weights = "random:0"\nlabels = "imagenet-1k"\n'


@dataclass(frozen=True, slots=True)
class Scene:
    """``folder``: for the files of this run; ``dry``: tiny shapes, on the CPU, with a pretended card."""

    folder: Path
    dry: bool

    @property
    def device(self) -> str:
        """As torch and imgcls name it."""
        return "cpu" if self.dry else "cuda"

    @property
    def images(self) -> int:
        """The number of files that are scored."""
        return 24 if self.dry else 6000

    @property
    def models_file(self) -> Path:
        """A configuration of the models without any dataset."""
        if not self.dry:
            return SEVEN
        file = self.folder / "tiny.toml"
        file.write_text(TINY.replace("input =", f"{REQUESTED}input ="), encoding="utf-8")
        return file

    def models(self) -> dict[str, ModelSpec]:
        """The seven architectures by name, those first that most is measured on."""
        from imgcls.config import loader as configuration

        models = configuration.load([self.models_file]).models
        return {name: models[name] for name in sorted(models, key=lambda name: name not in ("resnet50", "vit_b16"))}
