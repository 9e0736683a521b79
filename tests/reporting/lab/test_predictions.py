"""imgcls.reporting.lab.predictions: the five best of every image."""

from dataclasses import replace

import pytest

import markdown_pages
from imgcls.records.evaluation import ClassProbability
from imgcls.reporting.lab import predictions
from lab_parts import IMAGES, make_contents


def test_each_image_has_its_table_with_number_name_and_probability() -> None:
    """A column a model; in bold what is right for the folder."""
    text = "\n".join(predictions.of_images(make_contents()))
    of_images = markdown_pages.tables(text)
    assert len(of_images) == len(IMAGES)
    assert of_images[2] == [
        ["rank", "good", "bad"],
        ["1", "1 dog 0.7000", "0 cat 0.7000"],
        ["2", "2 elk 0.3000", "1 dog 0.3000"],
    ]
    assert "| 1 | **1 dog 0.7000** | 0 cat 0.7000 |\n| 2 | 2 elk 0.3000 | **1 dog 0.3000** |" in text
    assert "\ndog/1.jpg\n" in text


def test_the_thumbnail_stands_before_the_name() -> None:
    """On one line, so that no reader makes a floating figure of it."""
    contents = make_contents()
    thumbnails = {contents.predictions[2].image_sha256: "images/a dog.jpg"}
    text = "\n".join(predictions.of_images(replace(contents, thumbnails=thumbnails)))
    assert "![dog/1.jpg](images/a%20dog.jpg) dog/1.jpg\n" in text


def test_without_labels_nothing_is_bold() -> None:
    """Nothing is known to be right."""
    contents = make_contents(labelled=False)
    unlabelled = replace(contents, predictions=[replace(p, label=None) for p in contents.predictions])
    text = "\n".join(predictions.of_images(unlabelled))
    assert "**" not in text
    assert "bold" not in text


def test_the_overall_five_of_each_model() -> None:
    """By the mean probability over all images."""
    contents = make_contents()
    five = (ClassProbability(1, "dog", 0.5123), ClassProbability(0, "cat", 0.25))
    results = tuple(replace(result, overall_top5=five) for result in contents.report.results)
    [table] = markdown_pages.tables(
        "\n".join(predictions.overall(replace(contents, report=replace(contents.report, results=results))))
    )
    assert table[1:] == [["1", "1 dog 0.5123", "1 dog 0.5123"], ["2", "0 cat 0.2500", "0 cat 0.2500"]]


@pytest.mark.parametrize(("images", "shown"), [(0, 0), (200, 200), (201, 101), (360, 180), (1000, 200)])
def test_at_most_two_hundred_images_are_shown(images: int, shown: int) -> None:
    """Evenly spread over all, beginning with the first."""
    chosen = predictions.chosen([str(number) for number in range(images)])
    assert len(chosen) == shown
    assert list(chosen[:1]) == ["0"][:images]
