"""The matrix is by folder, and each of its cells leads to its images."""

from dataclasses import replace

from imgcls.reporting.html.document import Document
from imgcls.reporting.html.sections import confusion
from imgcls.reporting.html.sections.confusion import Group
from report_pages import elements, make_document, make_view, relabelled, rendered, section


def _group(document: Document) -> Group:
    context = confusion.context(make_view(document))
    assert context is not None
    [group] = context["groups"]
    assert isinstance(group, Group)
    return group


def test_the_largest_cells_come_first() -> None:
    """Of wrong classes, with the rows of their images."""
    group = _group(make_document({"cat/1.jpg": 1, "cat/2.jpg": 1, "dog/3.jpg": 0, "elk/4.jpg": 2}))
    assert [(cell.label, cell.folder, cell.count) for cell in group.cells] == [("cat", "dog", 2), ("dog", "cat", 1)]
    assert (group.mistakes, group.total, group.kinds) == (3, 4, 2)
    assert all(len(cell.numbers) == cell.count for cell in group.cells)


def test_several_classes_of_a_folder_are_one_column() -> None:
    """And a class of none is a column after those of the folders."""
    document = make_document({"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/3.jpg": 2, "dog/4.jpg": 0})
    figure = _group(relabelled(document, {"pets": (0, 1), "wild": ()}, {"cat": "pets", "dog": "wild"})).figure
    assert (figure.labels, figure.predictions) == (("pets", "wild"), ("pets", "wild", "elk"))
    cells = [(cell.row, cell.column, cell.count, cell.right) for cell in figure.cells]
    assert cells == [(0, 0, 2, True), (1, 0, 1, False), (1, 2, 1, False)]


def test_a_class_that_is_right_for_several_folders_counts_for_the_own_one() -> None:
    """So that a right image is on the diagonal."""
    document = make_document({"cat/1.jpg": 0, "dog/2.jpg": 0})
    figure = _group(relabelled(document, {"cat": (0,), "dog": (0,)}, {})).figure
    assert [(cell.row, cell.column, cell.right) for cell in figure.cells] == [(0, 0, True), (1, 1, True)]


def test_copies_count_once() -> None:
    """As in the counts of the document."""
    document = make_document({"cat/1.jpg": 1, "cat/2.jpg": 1})
    copies = tuple(replace(prediction, image_sha256="aa") for prediction in document.predictions or ())
    assert _group(replace(document, predictions=copies)).mistakes == 1


def test_a_cell_is_found_in_the_rows_of_its_images() -> None:
    """By its name, which the script filters by, and which the matrix has by line and column."""
    html = rendered(make_document({"cat/1.jpg": 1, "dog/2.jpg": 1, "elk/3.jpg": 2}))
    [link] = [of for tag, of in elements(html) if "data-cell" in of]
    assert link["data-cell"] == "m0.0.1"
    [row] = [of for tag, of in elements(html) if tag == "li" and "m0.0.1" in str(of.get("data-tags")).split()]
    assert link["href"] == f"#{row['id']}"
    [matrix] = [of for tag, of in elements(html) if "data-matrix" in of]
    assert (matrix["data-matrix"], matrix["data-cells"]) == ("m0", "3 3")


def test_without_mistakes_there_is_no_table() -> None:
    """Only the matrix."""
    read = section(rendered(make_document({"cat/1.jpg": 0})), "confusion")
    assert "0 of 1 image that count are taken for a wrong class" in read
    assert "taken for images" not in read
