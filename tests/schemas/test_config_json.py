import dataclasses
import math
from typing import Literal

import pytest

from schemas.config_json import from_mapping, to_mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Circle:
    radius: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Square:
    side: float = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    name: str = "x"
    count: int = 1
    color: Literal["red", "blue"] = "red"
    frame: Square = Square()
    shapes: tuple[Circle | Square, ...] = ()
    size: tuple[int, int] = (3, 4)
    note: str | None = None


def test_round_trip_keeps_types():
    drawing = Drawing(shapes=(Circle(radius=3.0), Square()), frame=Square(side=5.0))
    mapping = to_mapping(drawing)
    assert mapping["shapes"] == [
        {"class": "Circle", "radius": 3.0},
        {"class": "Square", "side": 2.0},
    ]
    assert from_mapping(Drawing, mapping) == drawing


def test_fields_left_out_take_their_defaults():
    assert from_mapping(Drawing, {"count": 7}) == Drawing(count=7)


def test_whole_numbers_serve_as_floats():
    circle = from_mapping(Circle, {"radius": 2})
    assert circle.radius == 2.0
    assert isinstance(circle.radius, float)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"colour": "red"}, r"Drawing has no field 'colour'; its fields: name, count"),
        ({"frame": {"sid": 1}}, r"Drawing\.frame has no field 'sid'; its fields: side"),
        ({"count": "many"}, r"Drawing\.count takes int, got 'many'"),
        ({"count": True}, r"Drawing\.count takes int, got True"),
        ({"color": "green"}, r"Drawing\.color takes one of 'red', 'blue', got 'green'"),
        ({"shapes": [{"class": "Star"}]}, r"shapes\[0\]\.class must be one of"),
        ({"count": [1]}, r"Drawing\.count takes int, got the list"),
        ({"count": {"a": 1}}, r"Drawing\.count takes int, got the mapping"),
        ({"size": [3]}, r"size takes a list of 2 values \[\.\.\.\], got \[3\]"),
        ({"size": 3}, r"size takes a list of 2 values \[\.\.\.\], got 3"),
        ({"shapes": "round"}, r"shapes takes a list \[\.\.\.\], got 'round'"),
        ({"frame": {"side": math.inf}}, r"side takes a finite number, got inf"),
    ],
)
def test_nonsense_is_refused_with_its_place(mapping, message):
    with pytest.raises(ValueError, match=message):
        from_mapping(Drawing, mapping)
