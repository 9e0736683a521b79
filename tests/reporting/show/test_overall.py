"""The overall five, as the document has them."""

from dataclasses import replace

from imgcls.reporting import sheet
from imgcls.reporting.show import overall
from shown import make_shown


def test_a_row_per_class() -> None:
    """Place, number, name and mean probability."""
    pair = make_shown({"cat/1.jpg": 0})
    pair = replace(pair, result=replace(pair.result, overall_top5=((2, "elk", 0.5), (0, "cat", 0.25))))
    assert sheet.as_csv([overall.sheet(pair)]) == (
        "model,dataset,place,index,name,probability\nnet,photos,1,2,elk,0.5\nnet,photos,2,0,cat,0.25\n"
    )
