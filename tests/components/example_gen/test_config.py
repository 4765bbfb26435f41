import pytest

from components.example_gen.config import IngestConfig
from schemas.config_json import from_json, to_json


def test_json_and_back():
    config = IngestConfig(label_map=("dog", "cat"), min_box_px=3.5, gzip=True)
    assert from_json(IngestConfig, to_json(config)) == config
    assert from_json(IngestConfig, "") == IngestConfig()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_fraction": 0.8, "eval_fraction": 0.3}, "add up to 1"),
        ({"train_fraction": 1.2, "eval_fraction": -0.2}, "are >= 0"),
        ({"max_rejected_images": 5}, "0 <= max_rejected_images <= 1"),
        ({"min_inside": -0.1}, "0 <= min_inside <= 1"),
        ({"min_box_px": float("nan")}, "min_box_px >= 0"),
        ({"images_per_shard": 0}, "images_per_shard >= 1"),
        ({"max_shard_bytes": 0}, "max_shard_bytes >= 1"),
        ({"processes": -1}, "processes >= 0"),
        ({"label_map": ()}, "at least one class"),
        ({"label_map": ("a", "a")}, "names each class once"),
    ],
)
def test_nonsense_is_refused_with_its_value(fields, message):
    with pytest.raises(ValueError, match=message):
        IngestConfig(**fields)


def test_undecided_corners_are_no_convention_to_read_boxes_by():
    assert IngestConfig(corners="zero_based").convention == "zero_based"
    with pytest.raises(ValueError, match="corners are auto"):
        _ = IngestConfig().convention
