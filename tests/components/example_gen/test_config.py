import pytest

from components.example_gen.config import IngestConfig


def test_json_and_back():
    config = IngestConfig(label_map=("dog", "cat"), min_box_px=3.5, gzip=True)
    assert IngestConfig.from_json(config.to_json()) == config
    assert IngestConfig.from_json("") == IngestConfig()


def test_an_unknown_field_lists_the_known():
    with pytest.raises(ValueError, match=r"no field colour; there are: label_map, un"):
        IngestConfig.from_json('{"colour": 1}')


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_fraction": 0.8, "eval_fraction": 0.3}, "add up to 1"),
        ({"train_fraction": 1.2, "eval_fraction": -0.2}, "are >= 0"),
        ({"max_rejected_images": 5}, r"max_rejected_images is in 0\.\.1"),
        ({"min_inside": -0.1}, r"min_inside is in 0\.\.1"),
        ({"min_box_px": float("nan")}, "min_box_px is >= 0"),
        ({"images_per_shard": 0}, "images_per_shard is >= 1"),
        ({"processes": -1}, "processes is >= 0"),
        ({"unknown_class": "shrug"}, "unknown_class is one of"),
        ({"label_map": ()}, "at least one class"),
        ({"label_map": ("a", "a")}, "names each class once"),
    ],
)
def test_nonsense_is_refused_with_its_value(fields, message):
    with pytest.raises(ValueError, match=message):
        IngestConfig(**fields)
