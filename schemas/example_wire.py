"""tf.train.Example through protobuf alone, without TensorFlow.

Its messages are declared here as in tensorflow/core/example/{example,feature}.proto,
in a pool of their own, so that TensorFlow may be loaded too. Serialisation is
deterministic: keys are written sorted, so equal features give equal bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

FloatList = npt.NDArray[np.float32]
Int64List = npt.NDArray[np.int64]
Feature = Sequence[bytes] | FloatList | Int64List

_Field = descriptor_pb2.FieldDescriptorProto
_LISTS = (
    ("BytesList", "bytes_list", _Field.TYPE_BYTES),
    ("FloatList", "float_list", _Field.TYPE_FLOAT),
    ("Int64List", "int64_list", _Field.TYPE_INT64),
)


def _declare() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", syntax="proto3")
    one, many = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
    message = _Field.TYPE_MESSAGE
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, field, kind) in enumerate(_LISTS, 1):
        values = file.message_type.add(name=name)
        values.field.add(name="value", number=1, type=kind, label=many)
        feature.field.add(
            name=field,
            number=number,
            type=message,
            type_name=name,
            label=one,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry", options={"map_entry": True})
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=one)
    entry.field.add(
        name="value", number=2, type=message, type_name="Feature", label=one
    )
    features.field.add(
        name="feature",
        number=1,
        type=message,
        type_name="Features.FeatureEntry",
        label=many,
    )
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, type=message, type_name="Features", label=one
    )
    return file


def _example_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_declare())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Example"))


_Example = _example_class()


class ExampleMessage:
    """A tf.train.Example that is being filled."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._message = _Example()
        self._by_key = self._message.features.feature
        for key, feature in features.items():
            self.add(key, feature)

    def add(self, key: str, feature: Feature) -> None:
        """One feature: bytes, float32 or int64; others raise TypeError."""
        added = self._by_key[key]
        if not isinstance(feature, np.ndarray):
            values, given = added.bytes_list, feature
        elif feature.dtype == np.float32:
            values, given = added.float_list, feature.tolist()
        elif feature.dtype == np.int64:
            values, given = added.int64_list, feature.tolist()
        else:
            raise TypeError(
                f"a feature is bytes, float32 or int64, got {feature.dtype}"
            )
        if given:
            values.value.extend(given)
        else:
            values.SetInParent()  # an empty list has its type, too

    def serialized(self) -> bytes:
        """The bytes so far; they depend on the features alone."""
        return bytes(self._message.SerializeToString(deterministic=True))


def encode(features: Mapping[str, Feature]) -> bytes:
    """Features -> serialized Example; bytes depend on the features alone."""
    return ExampleMessage(features).serialized()


def decode(serialized: bytes) -> dict[str, Feature]:
    """Serialized Example -> features; ValueError where it is not one."""
    try:
        example = _Example.FromString(serialized)
    except DecodeError as error:
        raise ValueError(f"not a tf.train.Example: {error}") from error
    return {key: _values(feature) for key, feature in example.features.feature.items()}


def _values(feature: Any) -> Feature:
    kind = feature.WhichOneof("kind")
    if kind == "float_list":
        return np.array(feature.float_list.value, np.float32)
    if kind == "int64_list":
        return np.array(feature.int64_list.value, np.int64)
    return list(feature.bytes_list.value)
