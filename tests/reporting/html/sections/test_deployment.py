"""What ships stands against what was tested, with the faults that were found."""

from builders import make_parity
from imgcls.records.evaluation import Failure
from imgcls.records.parity import ContractCheck, Fault, ServingCheck, ServingImage, StepError
from imgcls.reporting.html.sections import deployment
from report_pages import make_document, make_view, rendered, section

FAULT = Fault("weights", "batch norm epsilon", "it is 1e-3", 0.9, 3)


def test_an_export_has_its_agreement_its_faults_and_its_steps() -> None:
    """A failure has its message."""
    parities = (
        make_parity(faults=(FAULT,), steps=(StepError("stem.conv", "conv", 0.12, 0.9),), notes=("a note",)),
        make_parity("broken", failure=Failure(1, "cannot be read"), comparison=None, logits=None, agreement=None),
    )
    read = section(rendered(make_document(parities=parities)), "deployment")
    assert "onnx onnx 50 48 47 0.4" in read
    assert "batch norm epsilon" in read
    assert "a/2.jpg a right to wrong class 0 90.0 class 5 70.0" in read
    assert "stem.conv" in read
    assert "a note" in read
    assert "error cannot be read" in read


def test_serving_and_contracts_have_their_status() -> None:
    """And each image that was served has its distance."""
    served = (
        ServingImage("a.jpg", "cmyk", 0.5, same_top1=False),
        ServingImage("b.jpg", "grey", None, None, "HTTP 500"),
    )
    serving = ServingCheck("net", "preprocess", "fail", "it differs", (FAULT,), served, ("noted",))
    contract = ContractCheck("net", "batch size", "pass", "the same")
    read = section(rendered(make_document(servings=(serving,), contracts=(contract,))), "deployment")
    assert "fail preprocess : it differs" in read
    assert "a.jpg cmyk 0.5 no" in read
    assert "b.jpg grey - HTTP 500" in read
    assert "net batch size pass the same" in read


def test_without_either_there_is_no_section() -> None:
    """Nothing is empty."""
    assert deployment.context(make_view(make_document())) is None
