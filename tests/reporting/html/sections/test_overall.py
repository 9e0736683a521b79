"""A dataset's five classes have their mean probability."""

from dataclasses import replace

from imgcls.reporting.html.sections import overall
from report_pages import make_document, make_view, rendered, section


def test_the_five_classes_of_a_dataset_are_listed() -> None:
    """With bars and numbers."""
    document = make_document()
    results = tuple(replace(result, overall_top5=((2, "elk", 0.125),)) for result in document.report.results)
    html = rendered(replace(document, report=replace(document.report, results=results)))
    assert "net on photos mean probability over the dataset 12.5 % elk" in section(html, "overall")


def test_without_them_there_is_no_section() -> None:
    """Nothing is empty."""
    assert overall.context(make_view(make_document())) is None
