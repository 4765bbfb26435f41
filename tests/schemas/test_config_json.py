import dataclasses
import json
import math
from typing import Literal

import pytest

from schemas.config_json import (
    assign_field,
    from_json,
    from_mapping,
    to_json,
    to_mapping,
)
from schemas.user_error import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Circle:
    radius: float = 1.0

    def __post_init__(self):
        if self.radius < 0:
            raise ValueError(f"need radius >= 0, got {self.radius}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Square:
    side: float = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    length: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    name: str = "x"
    count: int = 1
    signed: bool = False
    color: Literal["red", "blue"] = "red"
    frame: Square = Square()
    hole: Circle = Circle()
    shapes: tuple[Circle | Square, ...] = ()
    lines: tuple[Line, ...] = ()
    size: tuple[int, int] = (3, 4)
    note: str | None = None
    scale: float | None = None


def test_round_trip_keeps_types():
    drawing = Drawing(shapes=(Circle(radius=3.0), Square()), frame=Square(side=5.0))
    mapping = to_mapping(drawing)
    assert mapping["shapes"] == [
        {"class": "Circle", "radius": 3.0},
        {"class": "Square", "side": 2.0},
    ]
    assert from_mapping(Drawing, mapping) == drawing
    assert from_json(Drawing, to_json(drawing)) == drawing


def test_fields_left_out_take_their_defaults():
    assert from_mapping(Drawing, {"count": 7}) == Drawing(count=7)
    assert from_json(Drawing, "") == Drawing()


def test_whole_numbers_serve_as_floats():
    circle = from_mapping(Circle, {"radius": 2})
    assert circle.radius == 2.0
    assert isinstance(circle.radius, float)


NONSENSE = [
    (
        {"colour": "red"},
        "the config has no field 'colour' (did you mean 'color'?); its",
    ),
    ({"frame": {"sid": 1}}, "frame has no field 'sid' (did you mean 'side'?); its"),
    ({"count": "many"}, "count takes a whole number, got 'many'"),
    ({"count": True}, "count takes a whole number, got True"),
    ({"count": 1.0}, "count takes a whole number, got 1.0"),
    ({"count": 10**20}, "count takes a finite number below 2^32, got 1000000"),
    ({"count": 2**32}, "count takes a finite number below 2^32, got 4294967296"),
    ({"signed": "false"}, "signed takes true or false, got 'false'"),
    ({"signed": 1}, "signed takes true or false, got 1"),
    ({"name": 3}, "name takes text, got 3"),
    ({"name": None}, "name takes text, got None"),
    ({"scale": "1"}, "scale takes a number or null, got '1'"),
    ({"color": "green"}, "color takes one of 'red', 'blue', got 'green'"),
    (
        {"color": "bleu"},
        "color takes one of 'red', 'blue', got 'bleu' (did you mean 'bl",
    ),
    ({"shapes": [{"class": "Star"}]}, "shapes[0].class takes one of Circle, Square"),
    ({"count": [1]}, "count takes a whole number, got [1]"),
    ({"count": {"a": 1}}, "count takes a whole number, got {'a': 1}"),
    ({"size": [3]}, "size takes a list of 2 values [...], got [3]"),
    ({"size": 3}, "size takes a list of 2 values [...], got 3"),
    ({"shapes": "round"}, "shapes takes a list [...], got 'round'"),
    ({"frame": 3}, "frame takes fields {...}, got 3"),
    ({"frame": {"side": math.inf}}, "frame.side takes a finite number"),
    ({"frame": {"side": math.nan}}, "frame.side takes a finite number"),
    ({"frame": {"side": 10**400}}, "frame.side takes a finite number"),
    ({"hole": {"radius": -1}}, "hole: need radius >= 0, got -1"),
    ({"lines": [{}]}, "lines[0] needs the field 'length'"),
]


@pytest.mark.parametrize(("mapping", "message"), NONSENSE)
def test_nonsense_is_refused_with_its_place(mapping, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  compared whole below
        from_mapping(Drawing, mapping)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("mapping", "message"), NONSENSE)
def test_every_door_says_the_same(mapping, message):
    # A stage's parameter or a file; and an assignment, as `--set` makes it.
    del message
    with pytest.raises(ValueError) as expected:  # noqa: PT011  only for its text
        from_mapping(Drawing, mapping)
    with pytest.raises(UserError) as from_text:
        from_json(Drawing, json.dumps(mapping))
    assert str(from_text.value) == str(expected.value)
    tree = to_mapping(Drawing())
    (name,) = mapping
    if name in tree:
        assign_field(tree, [name], mapping[name])
        with pytest.raises(ValueError) as assigned:  # noqa: PT011
            from_mapping(Drawing, tree)
        assert str(assigned.value) == str(expected.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "ingest is no JSON: Expecting property name"),
        ("[1]", r"ingest takes fields \{\.\.\.\}, got \[1\]"),
        ('{"scale": NaN}', r"ingest\.scale takes a finite number"),
        ('{"scale": 1e999}', r"ingest\.scale takes a finite number"),
    ],
)
def test_text_that_is_no_config_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        from_json(Drawing, text, "ingest")


def test_a_field_assigned_in_the_wrong_place_is_told_the_right_one():
    tree = to_mapping(Drawing())
    with pytest.raises(ValueError, match=r"frame has no field 'radius' \(did you mean"):
        assign_field(tree, ["frame", "radius"], 3)
    with pytest.raises(ValueError, match=r"mean 'hole\.radius'\?"):
        assign_field(tree, ["frame", "radius"], 3)
