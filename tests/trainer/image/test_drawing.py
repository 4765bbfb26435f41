import numpy as np
import pytest
from PIL import Image

from trainer.image import drawing


def layer(*boxes, colour="#ff0000"):
    return drawing.LabelledBoxes(np.array(boxes, np.float32), [""] * len(boxes), colour)


def test_a_box_of_the_whole_image_is_drawn_on_its_border_pixels():
    drawn = np.asarray(
        drawing.draw_boxes(Image.new("RGB", (20, 10)), [layer([0, 0, 20, 10])])
    )

    red = (drawn == [255, 0, 0]).all(axis=-1)
    assert red[0].all()
    assert red[-1].all()
    assert red[:, 0].all()
    assert red[:, -1].all()
    assert not red[1:-1, 1:-1].any()


def test_the_image_handed_in_is_not_touched_and_may_be_grayscale():
    image = Image.new("L", (8, 8))
    drawing.draw_boxes(image, [layer([1, 1, 5, 5])])

    assert np.asarray(image).max() == 0


def test_later_layers_lie_on_top():
    drawn = drawing.draw_boxes(
        Image.new("RGB", (8, 8)),
        [layer([2, 2, 6, 6]), layer([2, 2, 6, 6], colour="#0000ff")],
    )

    assert drawn.getpixel((2, 2)) == (0, 0, 255)


def test_five_images_in_two_columns_make_three_rows():
    images = [Image.new("RGB", (30, 60))] * 5

    assert drawing.contact_sheet(images, columns=2, cell_px=50).size == (100, 150)


def test_an_empty_sheet_is_white_and_one_row_high():
    assert drawing.contact_sheet([], columns=3, cell_px=10).size == (30, 10)


@pytest.mark.parametrize(("size", "least_px"), [((640, 480), 9), ((4000, 3000), 55)])
def test_captions_are_large_enough_to_be_read(size, least_px):
    boxes = np.array([[100, 200, 300, 400]], np.float32)
    layer = drawing.LabelledBoxes(boxes, ["dog 0.50"], "#0000ff")

    drawn = np.asarray(drawing.draw_boxes(Image.new("RGB", size), [layer]))

    # The digits are white on blue: from the first to the last row with white.
    rows = np.flatnonzero((drawn > 200).all(axis=-1).any(axis=1))
    assert np.ptp(rows) + 1 >= least_px


def test_a_caption_at_the_edge_stays_inside():
    boxes = np.array([[600, 0, 640, 30]], np.float32)
    layer = drawing.LabelledBoxes(boxes, ["dog 0.50"], "#0000ff")

    drawn = np.asarray(drawing.draw_boxes(Image.new("RGB", (640, 480)), [layer]))

    white = (drawn > 200).all(axis=-1)
    assert white.any()
    assert not white[:, -2:].any()  # its last letter ends before the image does
