"""The weights of an exported model: constants of its graph, or variables; each once.

Of constants TensorFlow computes folded filters once, and brings them into the order
that its kernels take; of variables it does so for each picture. Large models, and all
that earlier versions of this program exported, have variables.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from schemas.plain_path import plain_path

Values = npt.NDArray[np.float32]
_CONSTANT = "weights/{}"  # a node of the graph
_VARIABLE = "model_variables/{}/.ATTRIBUTES/VARIABLE_VALUE"  # as a checkpoint names it


def constants_of(weights: Sequence[Values]) -> list[tf.Tensor]:
    """The weights in the graph that is being traced, which `read_weights` finds."""
    scope, _, number = _CONSTANT.partition("/")
    with tf.name_scope(f"{scope}/"):  # the slash: not inside the scope in force
        return [
            tf.constant(value, name=number.format(place))
            for place, value in enumerate(weights)
        ]


def read_weights(directory: str, count: int) -> list[Values]:
    """The `count` weights of an exported model in their order.

    Raises ValueError if `directory` holds none, or not so many.
    """
    found = named_values(directory)
    try:
        kind = _CONSTANT if _CONSTANT.format(0) in found else _VARIABLE
        return [found[kind.format(place)] for place in range(count)]
    except KeyError as error:
        raise ValueError(f"{directory} lacks the weights {error}") from error


def weight_number(name: str) -> int | None:
    """Place, in the model's order, of what `named_values` calls so; None of others."""
    for kind in (_CONSTANT, _VARIABLE):
        before, _, after = kind.partition("{}")
        number = name.removeprefix(before).removesuffix(after)
        if number.isdecimal() and kind.format(number) == name:
            return int(number)
    return None


def named_values(directory: str) -> dict[str, Values]:
    """All weights and variables of a SavedModel by name.

    Raises ValueError if it is damaged or none.
    """
    try:
        with plain_path(directory) as path:
            checkpoint = tf.train.load_checkpoint(f"{path}/variables/variables")
            variables = {
                name: checkpoint.get_tensor(name)
                for name in sorted(checkpoint.get_variable_to_shape_map())
            }
        with tf.io.gfile.GFile(f"{directory}/saved_model.pb", "rb") as file:
            saved = SavedModel.FromString(file.read())
    except (tf.errors.OpError, DecodeError) as error:
        raise ValueError(f"{directory} is no SavedModel: {error}") from error
    return variables | {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for graph in saved.meta_graphs
        for function in graph.graph_def.library.function
        for node in function.node_def
        if node.op == "Const" and node.name.startswith(_CONSTANT.format(""))
    }
