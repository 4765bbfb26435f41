import io
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from schemas.user_error import UserError
from trainer.model.backbones.pickled_values import Call, Name, read_pickle
from trainer.model.backbones.torch_file import HEAD, read_torch_file

# what torch 2.5.1 wrote of views of torch.arange(24.0), of other types, and of a
# Parameter, with _use_new_zipfile_serialization=False
WRITTEN_BY_TORCH = Path(__file__).parent / "testdata" / "strided.pth"
OPCODES = b"\x80\x02\x81\x85\x88ccollections\nOrderedDict\n)R(q}]Q.tusbeahNX\x00\x01"


@pytest.fixture
def read(tmp_path):
    def read(data):
        path = tmp_path / "some.pth"
        path.write_bytes(data)
        return read_torch_file(path)

    return read


def refused(read, data):
    """The message with which `data` is refused; it has one line."""
    with pytest.raises(UserError) as raised:
        read(data)
    message = str(raised.value)
    assert message.startswith("model.backbone_weights: ")
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_views_of_storages_come_out_as_torch_has_them():
    values = np.arange(24, dtype="float32")
    expected = {
        "contiguous": values.reshape(4, 6),
        "transposed": values.reshape(2, 3, 4).transpose(2, 0, 1),
        "part": values[10:14],
        "every_other": values[1::2],
        "half": np.array([0.5, -2.0], "float16"),
        "double": np.array([[1 / 3]]),
        "count": np.array(7),
        "parameter": np.array([3.0, 4.0], "float32"),
        "empty": np.zeros((0, 3), "float32"),
    }
    found = read_torch_file(WRITTEN_BY_TORCH)
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_what_is_cut_off_anywhere_is_refused(read):
    whole = WRITTEN_BY_TORCH.read_bytes()
    for length in range(1, len(whole)):
        assert refused(read, whole[:length]).endswith(": it is cut off"), length


# pickletools warns of backslashes in text opcodes, which no such file has
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_flipped_bits_give_arrays_or_one_line(read):
    whole = WRITTEN_BY_TORCH.read_bytes()
    draws = random.Random(0)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(4000):
        data = bytearray(whole)
        for _ in range(draws.randint(1, 3)):
            data[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
        try:
            arrays = read(bytes(data))
        except UserError:
            refused(read, bytes(data))
            outcomes["refused"] += 1
        else:
            assert sum(array.nbytes for array in arrays.values()) < 10 * len(whole)
            outcomes["read"] += 1
    assert min(outcomes.values()) > 400


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_opcodes_in_any_order_are_one_line(read):
    draws = random.Random(0)
    for _ in range(2000):
        body = bytes(
            draws.choices(b"\x80\x02ccollections\nOrderedDict\n)R(q}]Q.tusbX", k=40)
        )
        refused(read, HEAD + body)


def state_dict(state):
    """A file whose state dict is this pickle."""
    version, machine = pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)
    return HEAD + version + machine + state + pickle.dumps([], 2)


class RunsIfUnpickled:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_what_a_pickle_would_call_is_named_and_not_called(read, tmp_path):
    witness = tmp_path / "was_run"
    payload = {"weight": RunsIfUnpickled(str(witness))}
    # Python's own unpickler runs it
    pickle.loads(pickle.dumps(payload, 2))
    assert witness.exists()
    witness.rmdir()
    message = refused(read, state_dict(pickle.dumps(payload, 2)))
    assert not witness.exists()
    assert message.endswith("it asks for posix.mkdir, which no weights need")


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cbuiltins\nlen\n)R.",  # called
        b"\x80\x02}X\x01\x00\x00\x00acbuiltins\nlen\n)Rs.",  # called, in a dict
        b"\x80\x02cbuiltins\nobject\n)\x81.",  # made, NEWOBJ
        b"(ibuiltins\nobject\n.",  # made, INST
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb.",  # changed
        b"\x80\x02}X\x01\x00\x00\x00acbuiltins\nlen\ns.",  # a name alone
    ],
)
def test_calls_and_classes_of_other_kinds_are_refused(read, pickled):
    refused(read, state_dict(pickled))


def test_names_and_calls_stay_data():
    pickled = io.BytesIO(b"\x80\x02cbuiltins\nprint\nK\x07\x85R.")
    assert read_pickle(pickled) == Call(Name("builtins", "print"), (7,))


def tensor(shape, strides, key=b"0", offset=0):
    """Pickle of {"w": float tensor} as torch has it, of these bounds."""

    def number(value):
        return b"J" + struct.pack("<i", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    text = b"X" + struct.pack("<I", len(key)) + key
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + text + b"NtQ"
    arguments = storage + number(offset) + numbers(shape) + numbers(strides)
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"
    return b"\x80\x02}X\x01\x00\x00\x00w" + call + b"s."


def with_storage(state, values, length=None):
    keys = pickle.dumps(["0"], 2)
    count = struct.pack("<q", len(values) if length is None else length)
    head = state_dict(state)[: -len(pickle.dumps([], 2))]
    return head + keys + count + struct.pack(f"<{len(values)}f", *values)


def test_bounds_of_a_tensor_are_those_of_its_storage(read):
    six = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    np.testing.assert_array_equal(
        read(with_storage(tensor((2, 2), (1, 2), offset=2), six))["w"], [[2, 4], [3, 5]]
    )
    for shape, strides, offset in (
        ((2, 2), (1, 2), 3),  # ends at 6
        ((7,), (1,), 0),
        ((7,), (0,), 0),  # more values than there are
        ((1 << 30, 1 << 30), (0, 0), 0),
        ((2,), (-1,), 1),
        ((2,), (1, 1), 0),
        ((2,) * 9, (0,) * 9, 0),
    ):
        refused(read, with_storage(tensor(shape, strides, offset=offset), six))


@pytest.mark.parametrize("length", [-1, 7, 1 << 40, (1 << 63) - 1])
def test_lengths_that_lie_take_no_memory(read, length):
    data = with_storage(tensor((2,), (1,)), [1.0, 2.0], length)
    assert "it is cut off" in refused(read, data)


def test_other_files_are_told_apart(read, tmp_path):
    assert "it begins otherwise" in refused(read, b"<html>")
    assert "it begins otherwise" in refused(read, b"")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as file:
        file.writestr("archive/data.pkl", b"")
    zipped = (tmp_path / "new.zip").read_bytes()
    assert "_use_new_zipfile_serialization=False" in refused(read, zipped)
    with pytest.raises(UserError, match="No such file"):
        read_torch_file(tmp_path / "none.pth")


def test_another_byte_order_is_refused(read):
    whole = WRITTEN_BY_TORCH.read_bytes()
    # little_endian: True -> False
    swapped = whole.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89")
    assert "byte order" in refused(read, swapped)
