"""A small seed of tests/fuzz/fuzz_decoding.py, and damage with the right answer."""

import importlib.util
import io
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture
def fuzzing(monkeypatch):
    """The script as a module; scripts and tests are no packages."""
    here = Path(__file__).parent
    for name in ("mutations", "fuzz_decoding"):
        spec = importlib.util.spec_from_file_location(name, here / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return sys.modules["fuzz_decoding"]


def test_what_ingest_accepts_the_input_pipeline_decodes(fuzzing):
    results = fuzzing.fuzz(each=25, seed=11)
    assert len(results) == 13
    # the damage leaves enough whole, and breaks enough, to say something
    assert sum(counts.both for counts in results.values()) > 80
    assert sum(counts.neither for counts in results.values()) > 80
    for kind, counts in results.items():
        refused = {reason.partition(":")[0] for reason in counts.reasons}
        allowed = {"image_broken", "cmyk_unmarked", "image_unreadable"}
        assert refused <= allowed | {"format_unsupported"}, kind


def encoded(mode="RGB", fmt="PNG", frames=1, **options):
    buffer = io.BytesIO()
    pictures = [
        Image.effect_noise((64, 48), 60 + index).convert(mode)
        for index in range(frames)
    ]
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(buffer, fmt, **more, **options)
    return buffer.getvalue()


def deep_png(top):
    """16 bits, grey, values 0 to `top`."""
    values = b"".join((n * top // 3071).to_bytes(2, "little") for n in range(3072))
    buffer = io.BytesIO()
    Image.frombytes("I;16", (64, 48), values).save(buffer, "PNG")
    return buffer.getvalue()


def without_adobe(raw):
    at = raw.index(b"\xff\xee")
    return raw[:at] + raw[at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big") :]


def damaged(fuzzing):
    """Kind -> (bytes, whether both decode it)."""
    png, jpeg, cmyk = encoded(), encoded(fmt="JPEG"), encoded("CMYK", "JPEG")
    header, data, end = fuzzing.chunks_of(png)
    rows = zlib.decompress(data[1])
    text = (b"tEXt", b"by\0me")
    of = fuzzing.png_of
    return {
        "PNG": (png, True),
        "PNG, bytes behind its end": (png + b"left over" * 5, True),
        "PNG without IEND": (png[:-12], False),
        "PNG with fewer rows": (
            of([header, (b"IDAT", zlib.compress(rows[: 193 * 40])), end]),
            False,
        ),
        "PNG, wrong checksum of IDAT": (of([header, data, end], 1), False),
        "PNG, wrong checksum of IEND": (of([header, data, end], 2), False),
        "PNG, wrong checksum of a text": (of([header, text, data, end], 1), True),
        "PNG, wrong checksum of a late text": (of([header, data, text, end], 2), True),
        "PNG with a tRNS that is too short": (
            of([header, (b"tRNS", b"\0"), data, end]),
            True,
        ),
        "PNG without its pixels' checksum": (
            of([header, (b"IDAT", data[1][:-4]), end]),
            False,
        ),
        "animated PNG": (encoded(frames=3), True),
        "PNG, 16 bits": (deep_png(65535), True),
        "JPEG": (jpeg, True),
        "JPEG, zeros behind its end": (jpeg + bytes(500), True),
        "JPEG, its end lost in zeros": (
            jpeg[: len(jpeg) // 2] + bytes(len(jpeg) // 2),
            False,
        ),
        "JPEG without its last two bytes": (jpeg[:-2], False),
        "CMYK with Adobe's marker": (cmyk, True),
        "CMYK without": (without_adobe(cmyk), False),
        "GIF": (encoded("P", "GIF"), False),
        "animated GIF": (encoded("P", "GIF", frames=3), False),
        "animated WebP": (encoded(fmt="WEBP", frames=3), False),
    }


def test_damage_by_name_has_the_right_answer(fuzzing, tmp_path):
    contract = fuzzing.Contract(tmp_path)
    for kind, (raw, right) in damaged(fuzzing).items():
        size, reason = contract.accepted(raw)
        assert (size == (64, 48)) == right, (kind, reason)
        if right:
            assert fuzzing.decoded_size(raw)[0] == (64, 48), kind


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("PNG without IEND", "image_broken: PNG: it is cut off: the last chunk, IEND,"),
        ("PNG with fewer rows", "image_broken: PNG: it has 7720 bytes of pixels where"),
        ("PNG, wrong checksum of IDAT", "image_broken: PNG: the checksum of IDAT is"),
        ("JPEG, its end lost in zeros", "image_broken: JPEG: it is cut off"),
        ("CMYK without", "cmyk_unmarked: nothing says whether 0 or 255 is full ink"),
        ("animated GIF", "format_unsupported: content is gif"),
    ],
)
def test_the_reason_is_true(fuzzing, tmp_path, kind, reason):
    contract = fuzzing.Contract(tmp_path)
    assert contract.accepted(damaged(fuzzing)[kind][0])[1].startswith(reason)
