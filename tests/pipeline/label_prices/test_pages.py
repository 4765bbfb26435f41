import io

import numpy as np
from PIL import Image

from pipeline.label_prices.pages import render
from schemas.detection_example import DetectionExample
from trainer.metrics.label_prices import BOX, CLASS, Suspicion


def an_example(orientation):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.new("RGB", (200, 100)).save(buffer, "JPEG", exif=exif)
    none = np.zeros(1, bool)
    return DetectionExample(
        image_id="p",
        filename="p.jpg",
        source_path="p.jpg",
        encoded_image=buffer.getvalue(),
        image_format="jpeg",
        width=200,
        height=100,
        sha256="0",
        boxes=np.array([[0, 0, 200, 50]], np.float32),
        class_names=("dog",),
        difficult=none,
        truncated=none,
        occluded=none,
        poses=("",),
    )


def rendered(suspicion, orientation):
    return render(
        [suspicion],
        {0: an_example(orientation)},
        {0: ("dog", (0, 0, 200, 50))},
        ("dog", "cat"),
        {"AP": 0.5, "mended": 0.6, "of": "one"},
        b'{"labels": [], "AP": 0.5}',
    )


def test_an_object_of_another_class_is_renamed_where_it_is():
    page = rendered(Suspicion(CLASS, 0, 0, 1, (0, 0, 160, 50), 0.9, 0.1), 1)
    assert page.count('<span class="box') == 1
    assert "left:0.00%;top:0.00%;width:100.00%;height:50.00%;" in page
    # at the picture's upper edge its name stands inside
    assert 'class="box hit inside"' in page
    assert "✗ dog ✓ cat" in page


def test_a_picture_that_exif_turns_is_upright_and_so_are_its_boxes():
    """6: stored row 0 is seen on the right, column 0 on top: x = 100 - y, y = x."""
    page = rendered(Suspicion(BOX, 0, 0, 0, (40, 16, 120, 32), 0.9, 0.1), 6)

    as_it_is = "left:50.00%;top:0.00%;width:50.00%;height:100.00%;"
    as_it_would_be = "left:52.00%;top:20.00%;width:32.00%;height:60.00%;"
    assert page.count(as_it_is) == page.count(as_it_would_be) == 1
