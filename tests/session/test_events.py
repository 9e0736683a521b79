"""imgcls.session.events: what travels in a test's report arrives as it was sent."""

import pytest

from builders import CONDITIONS, make_latency, make_memory
from imgcls.records.evaluation import Verdict
from imgcls.session import events
from imgcls.session.events import Event, GoldenChecked, LatencyMeasured, LimitsJudged, MemoryMeasured, PairJudged

VERDICT = Verdict("top1", 0.9, "top1 >= 0.9", "fail", "net on photos: 0.5 ≥")


@pytest.mark.parametrize(
    "event",
    [
        PairJudged("net", "photos", (VERDICT,)),
        GoldenChecked("net", "photos", "golden/photos/net.json", VERDICT),
        GoldenChecked("net", "photos", "golden/photos/net.json", change="new"),
        LatencyMeasured(make_latency()),
        MemoryMeasured(make_memory()),
        LimitsJudged("latency", CONDITIONS.model, (VERDICT,)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_are_read_as_they_were_written(event: Event) -> None:
    """Every kind, and none is taken for another."""
    assert events.decode(events.encode(event)) == event
