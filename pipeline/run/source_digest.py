"""A digest of the code a stage runs, for the cache to see.

TFX keys its cache on parameters and inputs; an edited module that a component imports
changes neither. So every stage gets, as a parameter, a digest of the modules of ours
that it reaches, and of the versions of the libraries underneath.
"""

import ast
import functools
import hashlib
import importlib.metadata
import pathlib

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGES = ("schemas", "trainer", "components", "pipeline")
_LIBRARIES = (
    "apache-beam",
    "h5py",
    "keras",
    "keras-hub",
    "keras-tuner",
    "numpy",
    "pillow",
    "scipy",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)


def source_digest(*modules: str) -> str:
    """Digest of these modules, of all modules of ours they import, and of libraries.

    Args:
      modules: dotted names, such as `components.report.component`.

    Raises:
      ModuleNotFoundError: a name is none of our modules.
    """
    digest = hashlib.sha256()
    for path in sorted(_reachable(modules)):
        digest.update(path.relative_to(_ROOT).as_posix().encode())
        digest.update(path.read_bytes())
        for suffix in (".html", ".css", ".js"):  # of the page that a module fills
            beside = path.with_suffix(suffix)
            if beside.exists():
                digest.update(beside.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library}={importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:32]


def _reachable(modules: tuple[str, ...]) -> set[pathlib.Path]:
    waiting = []
    for module in modules:
        path = _path_of(module)
        if path is None:
            raise ModuleNotFoundError(f"{module} is no module of this project")
        waiting.append(path)
    seen: set[pathlib.Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            found = (_path_of(name) for name in _imported_names(path.read_bytes()))
            waiting += [target for target in found if target is not None]
    return seen


def _path_of(module: str) -> pathlib.Path | None:
    if module.partition(".")[0] not in _PACKAGES:
        return None
    place = _ROOT.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _imported_names(source: bytes) -> frozenset[str]:
    """Modules that a source text may import, at the top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    # Importing a.b.c runs the __init__ of a and a.b too.
    parents = {
        ".".join(name.split(".")[:depth])
        for name in names
        for depth in range(1, name.count(".") + 2)
    }
    return frozenset(names | parents)
