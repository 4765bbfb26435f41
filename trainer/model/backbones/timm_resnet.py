"""Weights of timm's ResNets (`model.safetensors`) in KerasHub's."""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from schemas.user_error import UserError


class _Loader:
    """What KerasHub's converter asks for weights, one variable at a time."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def port_weight(
        self,
        keras_variable: Any,
        hf_weight_key: str,
        hook_fn: Callable[..., NDArray[Any]] | None = None,
    ) -> None:
        """Set one variable, its array's axes in the order that `hook_fn` gives."""
        if hf_weight_key not in self._arrays:
            raise ValueError(f"{hf_weight_key} is not in it")
        array = self._arrays[hf_weight_key]
        if hook_fn is not None:
            array = hook_fn(array, list(keras_variable.shape))
        if array.shape != tuple(keras_variable.shape):
            here, there = tuple(keras_variable.shape), array.shape
            raise ValueError(f"{hf_weight_key} is {here} here, {there} there")
        keras_variable.assign(array)


def load_timm_weights(backbone: Any, path: str) -> None:
    """Set all weights of KerasHub's ResNetBackbone from timm's model of its shape.

    The classifier's are left. Raises UserError where the file is none of timm's, or
    that of another ResNet; it names the first entry that differs.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise UserError(
            f"model.backbone_weights: to read {path} takes the package safetensors: "
            "pip install '.[imagenet]'"
        ) from error
    # not public in KerasHub 0.32, to which pyproject.toml holds; tested against timm
    from keras_hub.src.utils.timm import convert_resnet

    try:
        convert_resnet.convert_weights(backbone, _Loader(load_file(path)), {})
    except (ValueError, OSError, SafetensorError) as error:
        raise UserError(
            f"model.backbone_weights: {path} does not fit this ResNet: {error}; give "
            "the model.safetensors of timm's ResNet of the same depth"
        ) from error
