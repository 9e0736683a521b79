"""From which value to which an axis goes, and where its ticks are."""

from collections.abc import Callable, Collection

import pytest

from imgcls.reporting.html.charts.scales import Scale, around, of_costs


def few(most: int) -> Callable[[Collection[str]], bool]:
    """Whether there are not too many texts."""

    def fit(texts: Collection[str]) -> bool:
        return len(texts) <= most

    return fit


@pytest.mark.parametrize(
    ("scale", "most", "texts"),
    [
        (Scale(0, 100), 10, ["0", "20", "40", "60", "80", "100"]),
        (Scale(0, 100), 5, ["0", "25", "50", "75", "100"]),
        (Scale(58, 64.5), 4, ["58", "60", "62", "64"]),
        (Scale(-40, 410), 6, ["0", "100", "200", "300", "400"]),
        (Scale(-0.12, 0.12), 3, ["-0.1", "0.0", "0.1"]),
        (Scale(0.02, 0.09), 4, ["0.02", "0.04", "0.06", "0.08"]),
        (Scale(0, 12_000), 4, ["0", "5,000", "10,000"]),
        (Scale(0.95, 1.05, is_whole=True), 10, ["1"]),
        (Scale(0.5, 10.5, is_whole=True), 10, [f"{run}" for run in range(1, 11)]),
        (Scale(0.5, 11.5, is_whole=True), 10, ["2", "4", "6", "8", "10"]),
        (Scale(-40, 410, is_signed=False), 6, ["0", "100", "200", "300", "400"]),
        (Scale(-60, 60, is_signed=False), 3, ["50", "0", "50"]),
        (Scale(9, 230, is_log=True), 10, ["10", "20", "50", "100", "200"]),
        (Scale(9, 230, is_log=True), 3, ["10", "100"]),
        (Scale(0.04, 0.6, is_log=True), 10, ["0.05", "0.1", "0.2", "0.5"]),
        (Scale(0.5, 2e6, is_log=True), 4, ["1", "100", "10,000", "1,000,000"]),
    ],
)  # fmt: skip
def test_ticks_are_round_and_fit(scale: Scale, most: int, texts: list[str]) -> None:
    """As many as fit, all inside, with the decimals that tell them apart."""
    ticks = scale.ticks(few(most))
    assert [*ticks.values()] == texts
    assert all(scale.low <= value <= scale.high for value in ticks)


def test_a_scale_without_room_for_two_ticks_has_one() -> None:
    """However far apart they would have to be."""
    assert len(Scale(1, 9).ticks(lambda _: False)) <= 1
    assert len(Scale(1, 9e9, is_log=True).ticks(lambda _: False)) <= 1


@pytest.mark.parametrize(
    ("scale", "share"), [(Scale(0, 20), 0.25), (Scale(20, 0), 0.75), (Scale(1, 625, is_log=True), 0.25)]
)
def test_a_value_has_its_share_of_the_way(scale: Scale, share: float) -> None:
    """Of the distance, also where values go down, or of the ratio."""
    assert scale.share(5) == pytest.approx(share)


def test_values_have_a_margin_around_them() -> None:
    """On both sides, or, where the axis begins at a value, only at its end."""
    assert around([10, 20]) == Scale(9.5, 20.5)
    assert around([10, 20], start=0, margin=0.1) == Scale(0, 22)


@pytest.mark.parametrize("values", [[], [0], [7], [-3, -3]])
def test_one_value_or_none_still_makes_a_scale(values: list[float]) -> None:
    """Whose end is not its beginning."""
    scale = around(values)
    assert scale.low < scale.high
    assert all(0 < scale.share(value) < 1 for value in values)
    assert scale.ticks(few(10))


@pytest.mark.parametrize(("values", "is_log"), [([10, 99], False), ([10, 100], True), ([0, 5], False), ([7], False)])
def test_costs_that_are_far_apart_have_a_logarithmic_axis(values: list[float], is_log: bool) -> None:
    """From a factor of ten on, where all are positive."""
    scale = of_costs(values)
    assert scale.is_log is is_log
    assert all(0 < scale.share(value) < 1 for value in values)
