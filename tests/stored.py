"""What the tests of the store put into it, also in processes of their own."""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from imgcls.records.config import InputSpec
from imgcls.records.data import FileState, ImageRef, Rejection
from imgcls.records.evaluation import (
    ClassProbability,
    ClassScore,
    DatasetOutcome,
    Failure,
    ModelInfo,
    Output,
    PairOutcome,
    Pass,
    Scores,
)
from imgcls.store import connection
from imgcls.store.hash_index import HashIndex

KEY = hashlib.sha256(b"a network").hexdigest()
OTHER_KEY = hashlib.sha256(b"another network").hexdigest()
STATE = FileState(Path("/photos/cat/1.jpg"), 7, 1_700_000_000_123_456_789, 2**64 - 1)
OUTPUT = Output(((3, 2.5), (1, 0.5)), 2.75, tuple(number / 8 for number in range(12)))

PASS = Pass("photos", ("one", "two"), 1.5, 0.25, {"one": 0.5, "two": 0.25}, {"one": 0.125}, {"one": 0.0}, 2**33)
OUTCOME = DatasetOutcome(
    dataset="photos",
    exif="apply",
    complete=True,
    passes=(PASS,),
    pairs=(
        PairOutcome(
            scores=Scores(
                "one", "photos", 9, 5, 2, 1, 1, 4, 3, 4, {"Käse": ClassScore(5, 3, 4)}, {7: 0.1, 21842: 1e-300}, 21843
            ),
            facts=ModelInfo(
                "eager",
                "float32",
                "cpu",
                InputSpec((256, 320), (224, 288), "squash", "bicubic", (0.1, 0.2, 0.3), (1.0, 1.0, 1 / 3)),
                None,
                "5" * 64,
                1_248_424,
                0.875,
                4_993_696,
            ),
            prediction_key=KEY,
            labels="imagenet-1k",
            accepted={"Käse": (7, 8)},
            overall=(ClassProbability(7, "cock", 0.1), ClassProbability(8, "hen", 2 / 3)),
            from_store=3,
            ids_ignored=2,
        ),
        PairOutcome(Scores("two", "photos", listed=9, unscored=9), failure=Failure(3, "no weights:\nnowhere")),
    ),
    rejections=(Rejection("photos", "Käse/1.jpg", "truncated", "it ends after 7 bytes"),),
)
"""An outcome with every field in use."""


def sha256(number: int) -> str:
    """The hash of an image."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def outputs(numbers: Sequence[int]) -> list[tuple[str, Output]]:
    """Images, each with a prediction of its own."""
    return [(sha256(number), replace(OUTPUT, logsumexp=float(number))) for number in numbers]


def index(images: Sequence[str]) -> HashIndex:
    """Images in the order of their hashes, by their positions."""
    halves = [[int(image[:16], 16), int(image[16:32], 16)] for image in images]
    return HashIndex(np.array(halves, np.uint64).reshape(-1, 2))


def age(database: sqlite3.Connection, key: str, seconds: int) -> None:
    """Let the last use of a key be longer ago."""
    query = "select sha256, classes, used_at - ? from keys where sha256 = ?"
    connection.write(database, "keys", database.execute(query, (seconds, bytes.fromhex(key))).fetchall())


def images(numbers: Sequence[int]) -> list[ImageRef]:
    """Images as they are listed, the odd ones in the folder ``cat``."""
    return [
        ImageRef(f"cat/{n}.jpg", Path(f"/photos/cat/{n}.jpg"), sha256(n), "cat" if n % 2 else None) for n in numbers
    ]
