"""What the figures depend on is in the report."""

from builders import MACHINE, make_latency
from report_pages import make_document, rendered, section


def test_inputs_keys_versions_and_machine_are_listed() -> None:
    """The machine once, however many models were measured on it."""
    latencies = (make_latency(), make_latency("Offline"))
    document = make_document(latencies=latencies, environment={"torch": "2.14.1", "platform": "Linux"})
    read = section(rendered(document), "provenance")
    assert "key of net" in read
    assert "ab" * 32 in read
    assert "torch 2.14.1 platform Linux" in read
    assert read.count(MACHINE.cpu) == 1
    assert "net: input resize(256, bilinear)" in read
