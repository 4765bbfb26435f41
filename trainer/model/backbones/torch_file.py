"""Arrays of a state dict as torch.save writes it in its older format, without torch.

The format (torch/serialization.py, `_legacy_save`): five pickles, one after the other
(a magic number, the version, the machine's byte order, the state dict, the storages'
keys), then each storage: its length as int64, and its values. A tensor is a view of a
storage: an offset, a shape and strides, all counted in values.
"""

import io
import math
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.user_error import UserError
from trainer.model.backbones.pickled_values import (
    Call,
    Name,
    NotPlainError,
    Outside,
    read_pickle,
)

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
# PROTO 2, LONG1 of ten bytes, the number, STOP: how each such file begins
HEAD = b"\x80\x02\x8a\x0a" + MAGIC_NUMBER.to_bytes(10, "little") + b"."
ZIP_HEAD = b"PK"
_CUT_OFF = "it is cut off"
TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
PARAMETER = Name("torch._utils", "_rebuild_parameter")
MAX_SIZE, MAX_AXES = 2**40, 8
DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


class _Tensor(NamedTuple):
    """A view of the storage `key`; offset and strides in values."""

    key: str
    dtype: "np.dtype[Any]"
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: str | Path) -> dict[str, NDArray[Any]]:
    """Name -> array (not to be written to), in the file's order.

    Nothing of the file is run, whatever it names. Raises UserError where it is no such
    file, or not whole.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(len(HEAD))
            _require_head(head)
            # from memory, a length that lies gives what there is, and no more
            return _read(io.BytesIO(head + file.read()))
    except (ValueError, OSError) as error:
        raise UserError(
            f"model.backbone_weights: {path} is no state dict in torch's older "
            f"format: {error}"
        ) from error


def _require_head(head: bytes) -> None:
    if head.startswith(ZIP_HEAD):
        raise ValueError(
            "it is a zip; write it again with "
            "torch.save(state, path, _use_new_zipfile_serialization=False)"
        )
    if head and head != HEAD and HEAD.startswith(head):
        raise ValueError(_CUT_OFF)
    if head != HEAD:
        raise ValueError("it begins otherwise")


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    _pickle(file)  # the magic number
    _pickle(file)  # the protocol's version
    machine = _pickle(file)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("it was written on a machine of another byte order")
    state = _pickle(file)
    if not isinstance(state, dict):
        raise NotPlainError("it holds no state dict")
    tensors = {name: _tensor(value) for name, value in state.items()}
    dtypes = {tensor.key: tensor.dtype for tensor in tensors.values()}
    storages = _read_storages(file, dtypes)
    return {name: _view(storages, tensor) for name, tensor in tensors.items()}


def _pickle(file: BinaryIO) -> Any:
    try:
        return read_pickle(file)
    except NotPlainError:
        raise
    except ValueError as error:
        if file.read(1):
            raise
        raise ValueError(_CUT_OFF) from error


def _tensor(value: Any) -> _Tensor:
    match value:
        case Call(function, [inner, *_]) if function == PARAMETER:
            return _tensor_itself(inner)
        case _:
            return _tensor_itself(value)


def _tensor_itself(value: Any) -> _Tensor:
    match value:
        case Call(
            function,
            (
                Outside(("storage", Name("torch", kind), str(key), *_)),
                int(offset),
                tuple(shape),
                tuple(strides),
                *_,
            ),
        ) if function == TENSOR and kind in DTYPES:
            numbers = (offset, *shape, *strides)
            plain = all(type(x) is int and 0 <= x < MAX_SIZE for x in numbers)
            if plain and len(shape) <= MAX_AXES:
                return _Tensor(key, DTYPES[kind], offset, shape, strides)
        case Call(function, _) if function not in (TENSOR, PARAMETER):
            raise ValueError(f"it asks for {'.'.join(function)}, which no weights need")
    raise ValueError("it holds something else than tensors of numbers")


def _read_storages(
    file: BinaryIO, dtypes: dict[str, np.dtype[Any]]
) -> dict[str, NDArray[Any]]:
    keys = _pickle(file)
    if not isinstance(keys, list) or not all(isinstance(x, str) for x in keys):
        raise ValueError("its list of storages is broken")
    storages = {}
    for key in keys:
        if key not in dtypes:
            raise ValueError("it has a storage that no tensor is in")
        stored = file.read(8)
        length = int.from_bytes(stored, "little", signed=True)
        size = length * dtypes[key].itemsize
        plain = len(stored) == 8 and 0 <= length < MAX_SIZE
        data = file.read(size) if plain else b""
        if not plain or len(data) != size:
            raise ValueError(_CUT_OFF)
        storages[key] = np.frombuffer(data, dtypes[key])
    return storages


def _view(storages: dict[str, NDArray[Any]], tensor: _Tensor) -> NDArray[Any]:
    """What came from TensorFlow is stored transposed: the strides count."""
    data = storages.get(tensor.key)
    if data is None or len(tensor.shape) != len(tensor.strides):
        raise ValueError("a tensor's storage is missing")
    count = math.prod(tensor.shape)
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * step for size, step in steps)
    # a stride of 0 repeats values: shapes of any size over one of them
    if count > data.size or (count and last >= data.size):
        raise ValueError("a tensor reaches beyond its storage")
    if count == 0:
        return np.zeros(tensor.shape, tensor.dtype)
    return np.lib.stride_tricks.as_strided(
        data[tensor.offset :],
        tensor.shape,
        [step * data.itemsize for step in tensor.strides],
        writeable=False,
    )
