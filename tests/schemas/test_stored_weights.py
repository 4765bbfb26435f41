import json

import numpy as np
import pytest
import tensorflow as tf

from components.baseline.served_detector import variables_that_are_no_numbers
from schemas.stored_weights import (
    constants_of,
    named_values,
    read_weights,
    weight_number,
)

WEIGHTS = [np.arange(600.0).reshape(2, 300).astype("float32"), np.float32([7.0])]


class Module(tf.Module):
    """A graph with constants, called by another, and with a variable."""

    def __init__(self, weights):
        super().__init__()
        self.variable = tf.Variable([1.0, 2.0])
        self._weights = weights

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def inner(self, values):
        with tf.name_scope("somewhere"):
            first, second = constants_of(self._weights)
        return tf.reduce_sum(first) + second + values + self.variable[0]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def outer(self, values):
        return {"sum": self.inner(values)}


def saved(folder, weights=WEIGHTS):
    module = Module(weights)
    tf.saved_model.save(module, str(folder), signatures=module.outer)
    return str(folder)


def test_constants_of_a_graph_are_read_back_in_their_order(tmp_path):
    folder = saved(tmp_path)
    for read, written in zip(read_weights(folder, 2), WEIGHTS, strict=True):
        np.testing.assert_array_equal(read, written)
    stored = (tmp_path / "saved_model.pb").stat().st_size
    assert 2400 <= stored < 2 * 2400 + 40_000  # once, in a graph of a few kilobytes


def test_variables_of_earlier_versions_are_read_in_their_order(tmp_path):
    variables = [tf.Variable(value) for value in WEIGHTS]
    module = tf.Module()
    module.model_variables = variables
    tf.saved_model.save(module, str(tmp_path))
    for read, written in zip(read_weights(str(tmp_path), 2), WEIGHTS, strict=True):
        np.testing.assert_array_equal(read, written)


def test_fewer_weights_than_asked_for_are_refused(tmp_path):
    with pytest.raises(ValueError, match="lacks the weights 'weights/2'"):
        read_weights(saved(tmp_path), 3)


@pytest.mark.parametrize("damage", [b"no graph", None])
def test_a_damaged_graph_is_refused(tmp_path, damage):
    folder = saved(tmp_path)
    (tmp_path / "saved_model.pb").unlink()
    if damage is not None:
        (tmp_path / "saved_model.pb").write_bytes(damage)
    with pytest.raises(ValueError, match="is no SavedModel"):
        named_values(folder)


@pytest.mark.parametrize("as_constants", [True, False])
def test_weights_that_are_no_numbers_are_called_as_their_layers_are(
    tmp_path, as_constants
):
    # Of eleven, so that the text "weights/10" would come before "weights/2".
    weights = [np.float32([number]) for number in range(11)]
    weights[2] = weights[10] = np.float32([np.inf])
    module = tf.Module()
    if as_constants:

        @tf.function(input_signature=[])
        def outer():
            return {"sum": tf.add_n(constants_of(weights))}

        module.outer = outer
    else:
        module.model_variables = [tf.Variable(value) for value in weights]
    signatures = module.outer if as_constants else None
    tf.saved_model.save(module, str(tmp_path), signatures=signatures)
    numbered = variables_that_are_no_numbers(str(tmp_path))
    assert [weight_number(name) for name in numbered] == [2, 10]

    extra = tmp_path / "assets.extra"
    extra.mkdir(exist_ok=True)
    (extra / "variables.json").write_text(json.dumps([f"l{n}/bias" for n in range(11)]))
    called = ["l2/bias", "l10/bias"]
    assert variables_that_are_no_numbers(str(tmp_path)) == called
    (extra / "variables.json").write_text("{")
    assert variables_that_are_no_numbers(str(tmp_path)) == numbered


def test_a_weight_that_is_no_number_is_found_as_a_variable_is(tmp_path):
    broken = [WEIGHTS[0], np.float32([np.nan])]
    assert variables_that_are_no_numbers(saved(tmp_path / "constant", broken)) == [
        "weights/1"
    ]
    assert variables_that_are_no_numbers(saved(tmp_path / "whole")) == []
