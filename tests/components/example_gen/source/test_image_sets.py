"""Lists of any content end as names, never as an error."""

import random

from components.example_gen.source.image_sets import read_sets
from components.example_gen.source.names import NameIndex

PIECES = [
    b"a0",
    b".jpg",
    b"/",
    b"\\",
    b'"',
    b"'",
    b" ",
    b"\t",
    b",",
    b"..",
    b"-1",
    b"1",
]
PIECES += [b"\r", b"\n", b"\xff\xfe", b"\xe9", b"\0", b"C:", b".xml", b"\xef\xbb\xbf"]


def test_lists_made_of_whatever_bytes_are_read():
    rng = random.Random(0)
    known = NameIndex(["a0", "a 1", "x/a0"])
    found = 0
    for _ in range(3000):
        raw = b"".join(rng.choices(PIECES, k=rng.randrange(30)))
        sets = read_sets({"train": raw, "cat_val": raw, "01_test": raw}, known)
        names = [name for split in sets.splits.values() for name in split]
        found += "a0" in names
        assert all(names)
    assert found > 100
