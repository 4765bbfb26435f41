"""A backbone's weights from a `.weights.h5` file, all of them or none."""

import collections
import warnings

import h5py
import keras

from schemas.user_error import UserError

SHOWN = 3  # differences named
# the layers with weights that backbones have, and what Keras calls them in files
KINDS = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "BatchNormalization": "batch_normalization",
}


def load_weights_file(backbone: keras.Model, path: str) -> None:
    """Set all weights of a backbone, as Keras's `save_weights` wrote them.

    Raises UserError where the file lacks weights or has them in other shapes; it names
    the first layers that differ.
    """
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file lacks, and trains on
            warnings.simplefilter("error", UserWarning)
            backbone.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        raise UserError(
            f"model.backbone_weights: {path} does not fit {backbone.name}: "
            f"{_differences(backbone, path)}; give a file that save_weights wrote for "
            "this backbone"
        ) from error


def _differences(backbone: keras.Model, path: str) -> str:
    if not h5py.is_hdf5(path):
        return "it is no HDF5 file"
    with h5py.File(path) as file:
        stored: dict[str, tuple[int, ...]] = {}
        file.visititems(
            lambda place, item: (
                stored.update({place: item.shape})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    found = []
    for place, (name, shape) in _places(backbone).items():
        if place not in stored:
            found.append(f"{name} {shape} is not in it")
        elif stored[place] != shape:
            found.append(f"{name} is {shape} here, {stored[place]} there")
    if not found:
        return f"it holds {len(stored)} arrays, the backbone {len(backbone.weights)}"
    shown = "; ".join(found[:SHOWN])
    more = len(found) - SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


def _places(backbone: keras.Model) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Where in a file Keras keeps each weight: place -> its path and shape.

    It numbers the layers of a class in order, and the weights of a layer.
    """
    places = {}
    numbers: collections.Counter[str] = collections.Counter()
    for layer in backbone.layers:
        kind = KINDS.get(type(layer).__name__)
        if kind is None:
            continue
        folder = f"{kind}_{numbers[kind]}" if numbers[kind] else kind
        numbers[kind] += 1
        for index, weight in enumerate(layer.weights):
            place = f"layers/{folder}/vars/{index}"
            places[place] = (weight.path, tuple(weight.shape))
    return places
