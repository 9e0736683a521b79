"""Scores on a Ray cluster: the driver hands out references and writes down what comes back; actors do the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls.data import listing
from imgcls.errors import ConfigError, ImgclsError, MachineError, Undecodable
from imgcls.evaluation import ray_cluster, ray_folder, ray_rows
from imgcls.evaluation.ray_cluster import Cluster, Grant
from imgcls.evaluation.ray_rows import Part
from imgcls.records import blocks
from imgcls.records.config import DatasetSpec, ModelSpec
from imgcls.records.data import Member
from imgcls.system import devices

if TYPE_CHECKING:
    from imgcls.evaluation.inputs import Rejected
    from imgcls.evaluation.pipeline import BatchResult
    from imgcls.evaluation.ray_source import Parts
    from imgcls.evaluation.state import ModelState
    from imgcls.evaluation.todo import Todo

IMAGES_PER_PART = 256  # docs/decisions.md#parts-on-ray
"""The most images that an actor takes at a time."""

PARTS_PER_ACTOR = 8  # docs/decisions.md#parts-on-ray
"""Parts that there are at least for each actor, where there are images enough for as many batches."""

SMALLEST_PART = 8
"""Images of a part, where there are few: a batch of a CPU."""

PARTS_AT_ONCE, PARTS_AHEAD = 2, 4  # docs/decisions.md#parts-on-ray
"""Parts that an actor works on, so that its threads are not idle at the end of one, and those that it is sent."""

DEATHS_BEFORE_START = 20
"""Actors in a row that may die while they load models, as where nodes are taken away."""


@dataclass(slots=True)
class RayEngine:
    """An :class:`~imgcls.evaluation.engine.Engine` of the actors of a cluster.

    ``specs``: the models by name; ``key_parts``: what a prediction key is the hash of, where that is stored.
    """

    cluster: Cluster
    specs: Mapping[str, ModelSpec]
    device: str
    key_parts: Callable[[str], Mapping[str, Any] | None]

    def ready(self, models: Sequence[ModelState]) -> Mapping[str, ImgclsError]:  # noqa: ARG002 - actors load them
        """Connect, which may take seconds; the models are loaded by the actors. Raises MachineError and ConfigError."""
        self.cluster.connect()
        return {}

    def batch_results(self, todo: Todo, models: Sequence[ModelState], dataset: DatasetSpec) -> Iterator[BatchResult]:
        """What came back of each part, in any order.

        Raises MachineError where the cluster gives up, where files are here and not on a node, or where the disk is
        full; ConfigError where images are in this process only.
        """
        grant, running = ray_cluster.grant(self.device), {model.name for model in models}
        with ExitStack() as disk:
            parts = self._parts(disk, todo.batches(lambda _, images: _part_size(images, grant)))
            with closing(self._rows(parts, self._work(models, dataset, grant), grant)) as rows:
                for row in rows:
                    images, _ = parts.at(row["at"])
                    result = ray_rows.unpack_result(row["result"], images)
                    result.seconds = {name: seconds / grant.actors for name, seconds in result.seconds.items()}
                    _check_files(result, row["node"])
                    running -= result.failures.keys()
                    yield result
                    if not running:
                        return

    def _parts(self, disk: ExitStack, batches: Iterable[Part]) -> Parts:
        """The parts in a file, for as long as ``disk`` is open. Raises what :meth:`batch_results` raises."""
        from imgcls.evaluation.ray_source import Parts

        try:
            folder = disk.enter_context(ray_folder.made(blocks.folder(), "imgcls-parts-"))
            return Parts(folder / "parts", self._shared(batches))
        except OSError as fault:
            raise blocks.no_room(fault) from fault

    def _shared(self, batches: Iterable[Part]) -> Iterator[Part]:
        """The same batches, whose images other processes can read. Raises ConfigError."""
        for images, names in batches:
            for image in images:
                if isinstance(image.place, Member) and image.place.form == "python":
                    raise ConfigError(
                        f"{self.cluster.option} ray: images of {image.place.container} are in the memory of this "
                        f"process only: let it return the paths of files, or leave {self.cluster.option} out"
                    )
            yield images, names

    def _work(self, models: Sequence[ModelState], dataset: DatasetSpec, grant: Grant) -> Any:
        from imgcls.evaluation.ray_worker import RemoteModel, Work

        remote = tuple(
            RemoteModel(
                self.specs[model.name],
                model.info.runtime,
                model.key,
                self.key_parts(model.key) or {},
                model.outputs,
                model.info.precision,
                model.screening.precision if model.screening else None,
            )
            for model in models
        )
        return Work(dataset, remote, devices.kind(self.device), grant.cpus, Path.cwd())  # an actor sees only its GPU

    def _rows(self, parts: Parts, work: Any, grant: Grant) -> Generator[Mapping[str, Any]]:
        """The rows that actors return. Raises MachineError."""
        import ray
        from ray.data import ActorPoolStrategy
        from ray.exceptions import RayError

        from imgcls.evaluation.ray_worker import Actor

        _configure()
        pool = ActorPoolStrategy(
            min_size=1,
            initial_size=grant.actors,
            max_tasks_in_flight_per_actor=PARTS_AHEAD,
            max_concurrent_calls_per_actor=PARTS_AT_ONCE,
            enable_true_multi_threading=True,
        )
        references = ray.data.read_datasource(parts, num_cpus=0, concurrency=1)
        results = references.map_batches(
            Actor,
            fn_constructor_args=(work,),
            batch_size=None,
            num_cpus=grant.cpus,
            num_gpus=grant.gpus or None,
            compute=pool,
        )
        try:
            yield from results.iter_rows()
        except (RayError, ray.data.exceptions.SystemException) as error:
            raise MachineError(
                f"the Ray cluster gave up: {_reason(error)}; what was predicted is stored, and the same command goes on"
            ) from error

    def close(self) -> None:
        """Leave the cluster."""
        self.cluster.close()


def _part_size(images: int, grant: Grant) -> int:
    """The number of images of a part: fewer where there are few for each actor."""
    fair = images // (grant.actors * PARTS_PER_ACTOR) // SMALLEST_PART * SMALLEST_PART
    return min(IMAGES_PER_PART, max(SMALLEST_PART, fair))


def _configure() -> None:
    """What Ray Data does by default and must not: progress bars of its own, going on without a block, larger blocks."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = 0
    context.target_max_block_size = 1  # byte: else all parts of a task are one block, which one actor takes at once
    context.max_consecutive_actor_init_deaths = DEATHS_BEFORE_START


def _check_files(result: BatchResult, node: str) -> None:
    """Raise MachineError for a file that a node could not read and this machine can: the image is not at fault."""
    for rejected in (one for images in result.rejected.values() for one in images):
        if not rejected.permanent and rejected.reason != "out_of_memory" and _is_readable(rejected):
            raise MachineError(
                f"{rejected.image.path} is readable here, and not on the node {node} ({rejected.reason}: "
                f"{rejected.detail}): give every node the same files under the same paths, as on a shared file system"
            )


def _is_readable(rejected: Rejected) -> bool:
    try:
        listing.read(rejected.image)
    except Undecodable:
        return False
    return True


def _reason(error: BaseException) -> str:
    """The line that matters of an error of Ray, which carries the tracebacks of other processes, the cause first."""
    first = str(error).partition("\n\nThe above exception was the direct cause")[0]
    return first.strip().rpartition("\n")[2] or type(error).__name__
