"""The wire form of tf.train.Example, without TensorFlow.

Example { Features features = 1 }, Features { map<string, Feature> feature = 1 },
Feature { BytesList = 1 | FloatList = 2 | Int64List = 3 }, every list { value = 1 }
(tensorflow/core/example/feature.proto). Keys are written sorted, so equal features
give equal bytes: protobuf's own map order is not stable.
"""

import functools
import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

FloatList = npt.NDArray[np.float32]
Int64List = npt.NDArray[np.int64]
Feature = Sequence[bytes] | FloatList | Int64List

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_UINT64 = (1 << 64) - 1
_SMALL = [bytes((value,)) for value in range(0x80)]
# Tags of length-delimited fields 1, 2 and 3.
_FIRST, _SECOND, _THIRD = (bytes((field << 3 | _LENGTH,)) for field in (1, 2, 3))


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(tag: bytes, payload: bytes) -> bytes:
    return tag + _varint(len(payload)) + payload


def _feature_bytes(feature: Feature) -> bytes:
    if not isinstance(feature, np.ndarray):
        values = b"".join([_message(_FIRST, value) for value in feature])
        return _message(_FIRST, values)
    if feature.dtype == np.float32:
        packed, tag = feature.astype("<f4", copy=False).tobytes(), _SECOND
    elif feature.dtype == np.int64:
        numbers = feature.tolist()
        packed = b"".join([_varint(number & _UINT64) for number in numbers])
        tag = _THIRD
    else:
        raise TypeError(f"a feature is bytes, float32 or int64, got {feature.dtype}")
    return _message(tag, _message(_FIRST, packed) if packed else b"")


@functools.lru_cache(maxsize=256)
def _key_bytes(key: str) -> bytes:
    return _message(_FIRST, key.encode())


def encode_entry(key: str, feature: Feature) -> bytes:
    """One feature as an entry of the Example's map."""
    return _message(
        _FIRST, _key_bytes(key) + _message(_SECOND, _feature_bytes(feature))
    )


def _long_bytes_prefix(key: str, size: int) -> bytes:
    """What stands before a single bytes value of a feature."""
    prefix = _FIRST + _varint(size)
    prefix = _FIRST + _varint(len(prefix) + size) + prefix
    prefix = _key_bytes(key) + _SECOND + _varint(len(prefix) + size) + prefix
    return _FIRST + _varint(len(prefix) + size) + prefix


def join_entries(
    entries: Mapping[str, bytes], long_key: str = "", long_value: bytes = b""
) -> bytes:
    """Entries by key -> serialized Example.

    One long bytes feature can be given as it is: an image is then copied once instead
    of once for every message that it is nested in.
    """
    keys = sorted([*entries, long_key] if long_key else entries)
    parts: list[bytes] = []
    for key in keys:
        if key == long_key:
            parts += [_long_bytes_prefix(key, len(long_value)), long_value]
        else:
            parts.append(entries[key])
    size = sum([len(part) for part in parts])
    return b"".join([_FIRST, _varint(size), *parts])


def encode(features: Mapping[str, Feature]) -> bytes:
    """Features -> serialized Example; bytes depend on the features alone."""
    return join_entries(
        {k: encode_entry(k, feature) for k, feature in features.items()}
    )


def _read_varint(buffer: memoryview, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(buffer: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yields (field number, wire type, value) of one message."""
    at, end = 0, len(buffer)
    while at < end:
        tag, at = _read_varint(buffer, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _read_varint(buffer, at)
            yield tag >> 3, wire, value
            continue
        if wire == _LENGTH:
            size, at = _read_varint(buffer, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"not a tf.train.Example: wire type {wire}")
        if at + size > end:
            raise ValueError("not a tf.train.Example: it ends inside a field")
        yield tag >> 3, wire, buffer[at : at + size]
        at += size


def _parts(buffer: memoryview, field: int) -> Iterator[memoryview]:
    for number, _, value in _fields(buffer):
        if number == field and isinstance(value, memoryview):
            yield value


def _read_ints(payload: memoryview) -> Int64List:
    values: list[int] = []
    for _, _, value in _fields(payload):
        if isinstance(value, int):  # not packed
            values.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = _read_varint(value, at)
            values.append(number)
    return np.array(values, np.uint64).astype(np.int64)


def _read_floats(payload: memoryview) -> FloatList:
    # Packed or not, the values are the same little-endian words one after another.
    raw = b"".join(bytes(part) for part in _parts(payload, 1))
    return np.frombuffer(raw, "<f4").astype(np.float32)


def _read_feature(buffer: memoryview) -> Feature:
    for number, _, payload in _fields(buffer):
        assert isinstance(payload, memoryview)
        if number == 1:
            return [bytes(value) for value in _parts(payload, 1)]
        return _read_floats(payload) if number == 2 else _read_ints(payload)
    return []


def decode(serialized: bytes) -> dict[str, Feature]:
    """Serialized Example -> features; ValueError where it is not one."""
    features: dict[str, Feature] = {}
    try:
        for group in _parts(memoryview(serialized), 1):
            for entry in _parts(group, 1):
                key = b"".join(bytes(part) for part in _parts(entry, 1)).decode()
                value = b"".join(bytes(part) for part in _parts(entry, 2))
                features[key] = _read_feature(memoryview(value))
    except (IndexError, struct.error) as error:
        raise ValueError("not a tf.train.Example: it ends inside a number") from error
    return features
