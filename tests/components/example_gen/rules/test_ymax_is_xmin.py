"""A ymax that is xmin in nearly every box is told, though no box is inverted."""

import pytest

from components.example_gen.output.beyond_images import box_findings


@pytest.mark.parametrize(
    ("boxes", "count"),
    [
        ([(10 + i, 2, 60, 10 + i) for i in range(5)], 5),
        ([(40, 2, 60, 40), (10, 5, 60, 30)], 1),
        ([(40, 50, 60, 40), (None, 5, 60, None)], 1),  # inverted: dropped, counted
    ],
)
def test_boxes_are_counted(judge, data_set, voc_xml, voc_object, boxes, count):
    xml = voc_xml(objects=[voc_object(box=box) for box in boxes])
    tally, *_ = judge(data_set({"a": xml}))
    assert tally.totals["ymax_is_xmin"] == count


@pytest.mark.parametrize(
    ("count", "objects", "told"),
    [(20, 20, True), (5, 9, True), (5, 10, False), (4, 4, False), (0, 0, False)],
)
def test_most_boxes_and_no_few_are_no_chance(count, objects, told):
    found = list(box_findings({"ymax_is_xmin": count, "objects_in": objects}))
    assert bool(found) == told
    for finding in found:
        assert (finding.reason, finding.severity) == ("ymax_is_xmin", "warning")
        assert f"in {count} of {objects} boxes" in finding.detail
