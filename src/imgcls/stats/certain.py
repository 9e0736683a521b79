"""Which accuracies no network can miss."""

from collections.abc import Collection, Mapping


def is_certain(best: int, class_count: int | None, accepted: Mapping[str, Collection[int]]) -> bool:
    """Whether every image has a right class among its N best, whatever the network (pigeonhole principle).

    ``class_count``: of the network, None where it is not known; ``accepted``: the classes that are right for each
    folder, without any: one class each.
    """
    fewest = min((len(classes) for classes in accepted.values()), default=1)
    return class_count is not None and best + fewest > class_count
