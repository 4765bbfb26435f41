"""Which version a place means; told before anything loads TensorFlow."""

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from components.baseline import folders
from components.baseline.served_models import GRAPH_FILE, serving
from components.example_gen.source import remote
from components.example_gen.source.storage import require_known_scheme
from schemas.user_error import UserError


def version_path(place: str) -> str:
    """Folder of a version: itself; of a push destination or a run's root, the newest.

    Raises UserError where there is none.
    """
    require_known_scheme(place, "MODEL")
    if remote.is_remote(place):
        remote.require_access(place, "MODEL")
    try:
        if FileSystems.exists(folders.inside(place, GRAPH_FILE)):
            return place
        newest = serving(folders.inside(place, "served")) or serving(place)
    except BeamIOError as error:
        raise UserError(f"{place} cannot be listed: {error}") from error
    if newest is None:
        raise UserError(
            f"{place} holds no model: name the folder with {GRAPH_FILE}, a push "
            "destination, or a run's --root"
        )
    return newest.path
