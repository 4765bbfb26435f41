"""Mutations of bytes, the same for the same seed."""

import random
import re
from collections.abc import Callable

Mutation = Callable[[random.Random, bytearray], bytearray]
_SNIPPETS = (
    b"<bndbox>",
    b"</object>",
    b"<object><name>dog</name></object>",
    b"<xmin>nan</xmin>",
    b"<xmax>1e400</xmax>",
    b"-1",
    b"99999999999999999999",
    b"\x00",
    b"\xff\xfe",
    b"&amp;",
    b"&x;",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"<![CDATA[ ]]>",
    b"<!-- -->",
    "\u00e4\u4e2d\U0001f600".encode(),
    b"<part><name>head</name><bndbox/></part>",
)


def flip_bits(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut_off(rng: random.Random, data: bytearray) -> bytearray:
    return data[: rng.randrange(len(data))]


def delete_span(rng: random.Random, data: bytearray) -> bytearray:
    start = rng.randrange(len(data))
    del data[start : start + rng.randint(1, 40)]
    return data


def repeat_span(rng: random.Random, data: bytearray) -> bytearray:
    start = rng.randrange(len(data))
    span = data[start : start + rng.randint(1, 200)]
    return data[:start] + span * rng.randint(2, 5) + data[start:]


def insert_snippet(rng: random.Random, data: bytearray) -> bytearray:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_SNIPPETS) + data[at:]


def move_span(rng: random.Random, data: bytearray) -> bytearray:
    start = rng.randrange(len(data))
    span = data[start : start + rng.randint(1, 120)]
    del data[start : start + len(span)]
    at = rng.randrange(len(data) + 1)
    return data[:at] + span + data[at:]


def change_digit(rng: random.Random, data: bytearray) -> bytearray:
    digits = [index for index, byte in enumerate(data) if 48 <= byte <= 57]
    if digits:
        data[rng.choice(digits)] = rng.choice(b"0123456789.-eE ")
    return data


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    cut_off,
    delete_span,
    repeat_span,
    insert_snippet,
    move_span,
    change_digit,
)


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One to three mutations of non-empty data."""
    mutated = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        if mutated:
            mutated = rng.choice(MUTATIONS)(rng, mutated)
    return bytes(mutated)


_LEAF = re.compile(rb"<(\w+)>[^<>]*</\1>")
_BRANCH = re.compile(rb"<(size|bndbox|part|object)>.*?</\1>", re.DOTALL)
_VALUES = (
    b"",
    b" ",
    b"0",
    b"1",
    b"-1",
    b"2",
    b"30.7",
    b"64",
    b"65",
    b"80",
    b"1e3",
    b"1e308",
    b"nan",
    b"inf",
    b"ten",
    b"dog",
    b"person",
    b"zebra",
    b"a.jpg",
    b"../a.jpg",
    b"/etc/passwd",
    b"true",
    b"Unspecified",
    "\u4e2d".encode(),
)


def mutate_xml(rng: random.Random, data: bytes) -> bytes:
    """Mutations that mostly leave well-formed XML, so that the later rules see them."""
    for _ in range(rng.randint(1, 4)):
        leaves = list(_LEAF.finditer(data))
        branches = list(_BRANCH.finditer(data))
        pick = rng.random()
        if pick < 0.15 and data:
            data = mutate(rng, data)
        elif pick < 0.65 and leaves:
            found = rng.choice(leaves)
            tag, value = found.group(1), rng.choice(_VALUES)
            leaf = b"<%b>%b</%b>" % (tag, value, tag)
            data = data[: found.start()] + leaf + data[found.end() :]
        elif leaves or branches:
            found = rng.choice(leaves + branches)
            copies = rng.choice((0, 2, 3))
            element = found.group(0) * copies
            data = data[: found.start()] + element + data[found.end() :]
    return data
