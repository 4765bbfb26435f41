"""How much the planner holds of each picture: a million must fit in a machine."""

import tracemalloc

from components.example_gen.plan.plan import make_plan
from components.example_gen.source.storage import Entry

PICTURES = 2000
FOLDER = "/home/somebody/data/VOCdevkit/VOC2012/"


def listed():
    for number in range(PICTURES):
        for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            name = f"{folder}/2008_{number:06d}.{suffix}"
            yield Entry(name, 1000 + number, FOLDER)
    name = "ImageSets/Main/train.txt"
    yield Entry(name, 12 * PICTURES, FOLDER)


def test_planning_holds_1100_bytes_of_a_picture():
    raw = "".join(f"2008_{number:06d}\n" for number in range(PICTURES)).encode()
    tracemalloc.start()
    try:
        plan = make_plan(sorted(listed()), lambda _: raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan.items) == PICTURES
    assert plan.items[0].image.path == f"{FOLDER}JPEGImages/2008_000000.jpg"
    assert peak / PICTURES < 1100
