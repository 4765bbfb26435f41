import math

from schemas import single_box


def test_area_and_clip_by_hand():
    assert single_box.area_px2((10, 20, 40, 60)) == 1200
    assert single_box.area_px2((5, 5, 1, 9)) == 0
    clipped = [
        single_box.clipped(box, width=100, height=80)
        for box in [(-5, -5, 20, 20), (90, 70, 200, 200), (300, 300, 400, 400)]
    ]
    assert clipped == [(0, 0, 20, 20), (90, 70, 100, 80), (100, 80, 100, 80)]


def test_inside_fraction_by_hand():
    # 30 of 40 px wide and all of 10 px high are inside
    assert single_box.inside_fraction((70, 0, 110, 10), 100, 80) == 0.75
    assert single_box.inside_fraction((3, 3, 3, 9), 100, 80) == 0
    assert single_box.inside_fraction((0, 0, math.inf, 9), 100, 80) == 0
