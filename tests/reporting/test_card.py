"""A model card: valid for huggingface_hub, honest in its text, and careful with a card that is there."""

import logging
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard, ModelCardData

import run_parts
from builders import HOSTILE, make_latency, make_memory
from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.records.report import Result
from imgcls.records.runtime import Screened
from imgcls.reporting import card, hub_results

PART = run_parts.make_part("run.json", {"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/1.jpg": 1, "dog/2.jpg": 1})
[RESULT] = PART.report.results

OTHER = """---
license: mit
tags:
- cats
model-index:
- name: my-model
  results:
  - task:
      type: image-classification
    dataset:
      name: Beans
      type: beans
    metrics:
    - type: accuracy
      value: 0.5
---

# My model

Words of my own.
"""


def _card(existing: str = "", *, part: Part = PART, result: Result = RESULT) -> str:
    return card.whole(existing, hub_results.card_data([result], None), card.section(part, [result]))


def _data(text: str) -> ModelCardData:
    """The metadata, as huggingface_hub reads them."""
    data = ModelCard(text).data
    assert isinstance(data, ModelCardData)
    return data


def test_a_new_card_is_read_back() -> None:
    """Its metadata are a model-index, and its text has each value with its interval and number of images."""
    text = _card()
    data = _data(text)
    assert (data.model_name, data.pipeline_tag, data.metrics) == ("net", "image-classification", ["accuracy", "f1"])
    assert [result.metric_value for result in data.eval_results or []] == [0.75, pytest.approx(0.733333)]
    assert "| photos | 4 | Top-1 accuracy | 0.7500 | 0.3006 to 0.9544 |" in text
    assert "not verified by the Hugging Face Hub" in text


def test_it_states_what_the_set_can_tell() -> None:
    """The interval, how many images a point takes, the smallest folder, and what was not scored."""
    text = _card(result=replace(RESULT, rejected=2, listed=6, untrained=True))
    assert "3 right of 4 are compatible with a top-1 accuracy from 0.301 to 0.954" in text
    assert "to tell a difference of 0.01 from 0.750 takes about" in text
    assert "2 folders with images, and the model has 3 classes; the smallest has 2" in text
    assert "2 of 6 files were not scored" in text
    assert "the weights are random" in text


def test_time_and_memory_have_their_machine() -> None:
    """Where they were measured."""
    measured = replace(PART.report, latencies=(make_latency(),), memories=(make_memory(),))
    text = _card(part=replace(PART, report=measured))
    assert "latency on cpu, batch 1: p50 50.0 ms, p95 95.0 ms (A fine CPU, 2 threads)" in text
    assert "memory of a call on cpu, batch 1: 130 MB at its peak" in text


def test_a_card_that_is_there_keeps_its_words() -> None:
    """And its other metadata; a second run replaces the first one's figures and section."""
    once = _card(OTHER)
    data = _data(once)
    assert (data.license, data.tags, data.model_name) == ("mit", ["cats"], "my-model")
    assert [result.dataset_type for result in data.eval_results or []] == ["beans", "photos", "photos"]
    assert "Words of my own." in once
    worse = run_parts.make_part("run.json", {"cat/1.jpg": 1, "cat/2.jpg": 1, "dog/1.jpg": 1, "dog/2.jpg": 1})
    twice = _card(once, part=worse, result=worse.report.results[0])
    assert [r.metric_value for r in _data(twice).eval_results or []][:2] == [0.5, 0.5]
    assert (twice.count("## Evaluation"), twice.count("Words of my own.")) == (1, 1)
    assert _card(once) == once


def test_a_card_without_metadata_gets_some(logged: list[logging.LogRecord]) -> None:
    """Its text stays, and nobody is warned of it."""
    text = _card("# Only words\n")
    assert logged == []
    assert _data(text).model_name == "net"
    assert "# Only words" in text


@pytest.mark.parametrize("existing", ["---\n- a list\n---\n", "---\na: [\n---\n", "---\nmodel-index: 3\n---\n"])
def test_a_card_that_cannot_be_read_is_one_message(existing: str) -> None:
    """Nothing of it is written over."""
    with pytest.raises(ConfigError, match=r"the card cannot be written: .*; write a new one with -o FILE"):
        _card(existing)


def test_hostile_names_stay_text() -> None:
    """In the metadata they are what they were, in the text every character of them is seen."""
    name = f"a: [x]\n---\n<script>{card.END}\n{HOSTILE}"
    text = _card(result=replace(RESULT, model=name, dataset=name))
    data = _data(text)
    assert data.model_name == name
    assert {result.dataset_name for result in data.eval_results or []} == {name}
    assert _card(text, result=replace(RESULT, model=name, dataset=name)) == text
    section = text.partition(card.BEGIN)[2]
    assert "<script>" not in section.replace("\\<", "")
    assert section.replace("\n", "").isprintable()


def test_both_precisions_of_a_model_are_named() -> None:
    """As of ``precision = "auto"``."""
    screened = Screened("bfloat16", 0.5, 3, 1, 1, 0, 0.95)
    assert " in bfloat16 and float32 on " in _card(result=replace(RESULT, precision="auto", screened=screened))
    assert " in bfloat16 on " in _card(result=replace(RESULT, precision="bfloat16"))
