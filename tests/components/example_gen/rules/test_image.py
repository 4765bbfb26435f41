"""Rules on image content, header and pixels."""

import io

import pytest
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def test_png_content_under_a_jpeg_name_is_taken_for_png(
    data_set, judge, voc_xml, image_bytes
):
    _, findings, examples = judge(
        data_set({"a": voc_xml()}, {"a": image_bytes(fmt="PNG")})
    )
    assert [(f.reason, f.action) for f in findings] == [("format_disagrees", "keep")]
    assert examples["a"].image_format == "png"


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "JPEG"])
def test_every_name_of_a_jpeg_agrees_with_it(data_set, judge, voc_xml, suffix):
    home = data_set({"a": voc_xml(filename=f"a.{suffix}")})
    (home / "JPEGImages/a.jpg").rename(home / f"JPEGImages/a.{suffix}")
    _, findings, examples = judge(home)
    assert (findings, len(examples)) == ([], 1)


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "BMP", "TIFF"])
def test_other_formats_are_rejected_by_content(
    reasons_of_xml, voc_xml, image_bytes, fmt
):
    found = reasons_of_xml(voc_xml(), image_bytes(fmt=fmt))
    assert found == {"format_unsupported": "reject_image"}


@pytest.mark.parametrize("raw", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_an_empty_or_headless_image_is_unreadable(reasons_of_xml, voc_xml, raw):
    assert reasons_of_xml(voc_xml(), raw) == {"image_unreadable": "reject_image"}


def test_a_saved_web_page_is_no_image(data_set, judge, voc_xml):
    _, findings, _ = judge(data_set({"a": voc_xml()}, {"a": b"<!DOCTYPE html>"}))
    assert findings[0].detail == "content is markup"


@pytest.mark.parametrize("fmt", ["JPEG", "PNG"])
def test_a_truncated_image_is_rejected(reasons_of_xml, voc_xml, fmt):
    buffer = io.BytesIO()
    Image.effect_noise((100, 80), 90).convert("RGB").save(buffer, fmt)
    raw = buffer.getvalue()
    found = reasons_of_xml(voc_xml(), raw[: len(raw) * 6 // 10])
    assert found.pop("format_disagrees", "keep") == "keep"
    assert found == {"image_broken": "reject_image"}


def test_more_pixels_than_allowed_are_refused_by_the_header_alone(
    reasons_of_xml, voc_xml, image_bytes
):
    raw = image_bytes()[:640]  # the pixels are not even there
    found = reasons_of_xml(voc_xml(), raw, max_pixels=7_999)
    assert found == {"too_many_pixels": "reject_image"}
    assert "too_many_pixels" not in reasons_of_xml(voc_xml(), raw, max_pixels=8_000)


def test_a_file_above_the_limit_is_not_read(reasons_of_xml, voc_xml, image_bytes):
    found = reasons_of_xml(voc_xml(), image_bytes() + b"0" * 5000, max_file_bytes=5000)
    assert found == {"image_too_large": "reject_image"}


@pytest.mark.parametrize(
    ("mode", "fmt", "reason"),
    [
        ("L", "JPEG", "grayscale"),
        ("CMYK", "JPEG", "cmyk"),
        ("P", "PNG", "palette"),
        ("RGBA", "PNG", "alpha"),
    ],
)
def test_what_becomes_rgb_at_decode_is_recorded(
    reasons_of_xml, voc_xml, image_bytes, mode, fmt, reason
):
    found = reasons_of_xml(voc_xml(), image_bytes(mode=mode, fmt=fmt))
    assert found.pop("format_disagrees", "keep") == "keep"
    assert found == {reason: "keep"}


def test_sixteen_bits_a_channel_are_scaled_not_clipped(data_set, judge, voc_xml):
    buffer = io.BytesIO()
    Image.new("I;16", (100, 80), 32768).save(buffer, "PNG")  # middle gray
    _, findings, examples = judge(data_set({"a": voc_xml()}, {"a": buffer.getvalue()}))
    assert [f.reason for f in findings] == ["format_disagrees", "deep_color"]
    assert examples["a"].brightness == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (None, "size_absent"),
        ((0, 0), "size_absent"),
        (("", ""), "size_absent"),
        (("wide", 80), "size_absent"),
        (("nan", 80), "size_absent"),
        ((80, 100), "size_swapped"),
    ],
)
def test_the_decoded_size_wins_where_the_boxes_fit(
    data_set, judge, voc_xml, size, reason
):
    _, findings, examples = judge(data_set({"a": voc_xml(size=size)}))
    assert [(f.reason, f.action) for f in findings] == [(reason, "repair")]
    assert (examples["a"].width, examples["a"].height) == (100, 80)


def test_a_wrong_size_with_boxes_that_do_not_fit_rejects(
    reasons_of_xml, voc_xml, voc_object
):
    big = [voc_object(box=(300, 200, 400, 300))]
    found = reasons_of_xml(voc_xml(size=(500, 300), objects=big))
    assert found == {"size_conflict": "reject_image"}
    swapped = [voc_object(box=(10, 10, 60, 95))]
    found = reasons_of_xml(voc_xml(size=(80, 100), objects=swapped))
    assert found == {"size_conflict": "reject_image"}


def test_without_a_size_one_box_over_the_border_costs_no_image(
    reasons_of_xml, voc_xml, voc_object
):
    over = [voc_object(box=(81, 21, 110, 60))]
    found = reasons_of_xml(voc_xml(size=None, objects=over))
    assert found == {"size_absent": "repair", "box_clipped": "repair"}


@pytest.mark.parametrize(("top", "level"), [(1023, 3), (4095, 15), (16383, 63)])
def test_few_levels_of_sixteen_bits_are_a_warning(data_set, judge, voc_xml, top, level):
    buffer = io.BytesIO()
    picture = Image.new("I;16", (100, 80), 7)
    picture.putpixel((50, 40), top)
    picture.save(buffer, "PNG")
    _, findings, _ = judge(data_set({"a": voc_xml()}, {"a": buffer.getvalue()}))
    said = {f.reason: f.detail for f in findings}
    assert said["levels_few"].startswith(f"the model sees levels 0 to {level} of 255")


def test_sixteen_bits_used_to_the_top_are_none(data_set, judge, voc_xml):
    buffer = io.BytesIO()
    picture = Image.new("I;16", (100, 80), 7)
    picture.putpixel((50, 40), 16384)
    picture.save(buffer, "PNG")
    _, findings, _ = judge(data_set({"a": voc_xml()}, {"a": buffer.getvalue()}))
    assert "levels_few" not in {finding.reason for finding in findings}


def test_a_wrong_checksum_of_a_text_is_recorded(data_set, judge, voc_xml, image_bytes):
    raw = image_bytes(fmt="PNG")
    text = b"\0\0\0\4tEXta\0bc" + b"\0\0\0\0"  # the right one is not 0
    raw = raw[:33] + text + raw[33:]
    _, findings, examples = judge(data_set({"a": voc_xml()}, {"a": raw}))
    assert ("checksum_wrong", "tEXt") in [(f.reason, f.detail) for f in findings]
    assert examples["a"].encoded_image == raw
