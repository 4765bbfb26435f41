"""The formats there are, and the package that each needs; light, for `--help`."""

import importlib.util

from schemas.user_error import UserError

# name -> (what must be installed, the extra that installs it); "" where nothing is
FORMATS = {
    "saved_model": ("", ""),
    "litert": ("ai_edge_litert", "litert"),
    "litert_int8": ("ai_edge_litert", "litert"),
    "openvino": ("openvino", "openvino"),
    "openvino_bf16": ("openvino", "openvino"),
    "onnx": ("tf2onnx onnxruntime", "onnx"),
}


def missing(name: str) -> str:
    """What of the packages of a format is not installed, and how to get it; or ""."""
    packages, extra = FORMATS[name]
    absent = [p for p in packages.split() if importlib.util.find_spec(p) is None]
    if not absent:
        return ""
    return f"{' and '.join(absent)} not installed: pip install 'voc-pipeline[{extra}]'"


def require(name: str) -> None:
    """Refuses, in a line, a format whose packages are not installed."""
    why = missing(name)
    if why:
        raise UserError(f"--format {name}: {why}")
