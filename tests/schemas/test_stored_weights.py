import numpy as np
import pytest
import tensorflow as tf

from components.baseline.served_detector import variables_that_are_no_numbers
from schemas.stored_weights import constants_of, named_values, read_weights

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


def test_a_weight_that_is_no_number_is_found_as_a_variable_is(tmp_path):
    broken = [WEIGHTS[0], np.float32([np.nan])]
    assert variables_that_are_no_numbers(saved(tmp_path / "constant", broken)) == [
        "weights/1"
    ]
    assert variables_that_are_no_numbers(saved(tmp_path / "whole")) == []
