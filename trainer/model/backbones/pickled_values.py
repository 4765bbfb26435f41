"""What a pickle of plain values says, read without running it.

Python's own unpickler imports and calls what the file names. Here a name stays a name
and a call stays data; of the opcodes only those are known that plain values need.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple


class NotPlainError(ValueError):
    """The pickle is broken, or holds more than plain values, names and calls."""


class Name(NamedTuple):
    """What Python's unpickler would import."""

    module: str
    name: str


class Call(NamedTuple):
    """What it would call, and with what."""

    function: Name
    arguments: tuple[Any, ...]


class Outside(NamedTuple):
    """A value that is kept outside the pickle; `key` says where."""

    key: Any


ORDERED_DICT = Name("collections", "OrderedDict")
_MARK = object()


def read_pickle(file: BinaryIO) -> Any:
    """The value of the pickle that begins here; the file then stands behind it.

    An OrderedDict comes as a dict, without attributes of its own. Raises ValueError
    (of pickletools, where an opcode is broken, or NotPlainError). It takes no more
    memory than a few times the file's size.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(file):
        step = _STEPS.get(opcode.name)
        if step is None:
            raise NotPlainError(f"opcode {opcode.name} is none of plain values")
        step(machine, argument)
    return machine.value()


class _Machine:
    """The stack and memo of one pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise NotPlainError("a value is missing in the pickle")
        return self._stack.pop()

    def value(self) -> Any:
        value = self.pop()
        if self._stack:
            raise NotPlainError("values are left over in the pickle")
        return value

    def since_mark(self) -> tuple[Any, ...]:
        for place in range(len(self._stack) - 1, -1, -1):
            if self._stack[place] is _MARK:
                values = tuple(self._stack[place + 1 :])
                del self._stack[place:]
                return values
        raise NotPlainError("a mark is missing in the pickle")

    def last(self, count: int) -> tuple[Any, ...]:
        return tuple(reversed([self.pop() for _ in range(count)]))

    def keep(self, place: int) -> None:
        value = self.pop()
        self._memo[place] = value
        self.push(value)

    def recall(self, place: int) -> None:
        if place not in self._memo:
            raise NotPlainError("the pickle refers to what it does not hold")
        self.push(self._memo[place])

    def name(self, text: str) -> None:
        module, _, name = text.partition(" ")
        self.push(Name(module, name))

    def call(self) -> None:
        function, arguments = self.last(2)
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise NotPlainError("a call in the pickle is of no name")
        if function == ORDERED_DICT and len(arguments) == 0:
            self.push({})
        else:
            self.push(Call(function, arguments))

    def extend(self, values: tuple[Any, ...]) -> None:
        self._top(list).extend(values)

    def set_items(self, flat: tuple[Any, ...]) -> None:
        keys, values = flat[::2], flat[1::2]
        if len(keys) != len(values) or not all(isinstance(x, str) for x in keys):
            raise NotPlainError("a dict of the pickle has keys that are no text")
        self._top(dict).update(zip(keys, values, strict=True))

    def drop_attributes(self) -> None:
        self.pop()
        self._top(dict)

    def _top(self, kind: type) -> Any:
        value = self.pop()
        if not isinstance(value, kind):
            raise NotPlainError(f"a {kind.__name__} is missing in the pickle")
        self.push(value)
        return value


# by pickletools' name; the argument is what stands beside the opcode
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "STOP": lambda machine, _: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"),
        lambda machine, value: machine.push(value),
    ),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.push(_MARK),
    "TUPLE": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE1": lambda machine, _: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.last(3)),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "BINPUT": lambda machine, place: machine.keep(place),
    "LONG_BINPUT": lambda machine, place: machine.keep(place),
    "BINGET": lambda machine, place: machine.recall(place),
    "LONG_BINGET": lambda machine, place: machine.recall(place),
    "GLOBAL": lambda machine, text: machine.name(text),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.drop_attributes(),
    "BINPERSID": lambda machine, _: machine.push(Outside(machine.pop())),
}
