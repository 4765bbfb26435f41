import keras
import numpy as np
import pytest

from trainer.training.averaging import WeightAverage, averaged_weights, put_average


def normed():
    """One weight, and a batch norm with statistics; both begin at known values."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, use_bias=False, name="dense"),
            keras.layers.BatchNormalization(momentum=0.5, name="norm"),
        ]
    )
    model.layers[0].kernel.assign([[1.0]])
    return model


def test_weights_and_statistics_follow_with_a_momentum_that_rises():
    model = normed()
    kernel, mean = model.layers[0].kernel, model.layers[1].moving_mean
    average = WeightAverage(model, momentum=0.2)
    expected_kernel, expected_mean = 1.0, 0.0
    for step, momentum in ((1, 2 / 11), (2, 0.2), (3, 0.2)):  # then 3/12, 4/13: above
        kernel.assign([[1.0 + step]])
        mean.assign([10.0 * step])
        average.follow(step)
        expected_kernel = momentum * expected_kernel + (1 - momentum) * (1 + step)
        expected_mean = momentum * expected_mean + (1 - momentum) * 10 * step
    with averaged_weights(model, average):
        assert float(kernel[0, 0]) == pytest.approx(expected_kernel, rel=1e-6)
        assert float(mean[0]) == pytest.approx(expected_mean, rel=1e-6)
    assert (float(kernel[0, 0]), float(mean[0])) == (4.0, 30.0)
    put_average(average)
    assert float(mean[0]) == pytest.approx(expected_mean, rel=1e-6)


def test_after_an_error_nothing_is_put_back(monkeypatch):
    # of several processes the others would not be there to do it together
    model = normed()
    average = WeightAverage(model, momentum=0.2)
    assigned = []

    def judge():
        with averaged_weights(model, average):
            monkeypatch.setattr(
                keras.Variable, "assign", lambda self, value: assigned.append(self)
            )
            raise KeyError("evaluation")

    with pytest.raises(KeyError, match="evaluation"):
        judge()
    assert not assigned


def test_the_statistics_are_those_of_the_averaged_weights():
    # the input has mean 3, so what the norm sees has 3 times the kernel; the kernel
    # rises, and the average lags behind it with its statistics
    model = normed()
    kernel = model.layers[0].kernel
    inputs = np.array([[2.0], [4.0]], "float32")
    average = WeightAverage(model, momentum=0.9)
    for step in range(1, 60):
        kernel.assign([[1.0 + step / 10]])
        model(inputs, training=True)
        average.follow(step)
    raw = float(model.layers[1].moving_mean[0])
    with averaged_weights(model, average):
        right = 3 * float(kernel[0, 0])
        averaged = float(model.layers[1].moving_mean[0])
    assert abs(averaged - right) < abs(raw - right) / 2


def test_an_average_goes_on_from_its_arrays():
    model = normed()
    first = WeightAverage(model, momentum=0.9)
    model.layers[0].kernel.assign([[7.0]])
    first.follow(1)
    second = WeightAverage(model, momentum=0.9)
    second.set(first.arrays())
    for average in (first, second):
        average.follow(2)
    for a, b in zip(first.arrays(), second.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_an_average_the_weights_are_themselves():
    model = normed()
    with averaged_weights(model, None):
        assert float(model.layers[0].kernel[0, 0]) == 1.0
