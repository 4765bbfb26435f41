"""A store behind a Beam file system that is not the local one."""

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

SCHEME = "other-store://"


class OtherStore(LocalFileSystem):
    """`other-store:///path` is /path, without folders of its own to make.

    As Beam's own of a store, it copies within itself only: what is asked to copy a
    file from another place does not find it.
    """

    @classmethod
    def scheme(cls):
        return SCHEME.removesuffix("://")

    def _list(self, dir_or_prefix):
        for item in super()._list(dir_or_prefix.removeprefix(SCHEME)):
            yield FileMetadata(f"{SCHEME}{item.path}", item.size_in_bytes, 0.0)

    def create(self, path, *args, **kwargs):
        # Beam's makes the folders above the path that it is given.
        return super().create(path.removeprefix(SCHEME), *args, **kwargs)

    def _path_open(self, path, *args, **kwargs):
        return super()._path_open(path.removeprefix(SCHEME), *args, **kwargs)

    def exists(self, path):
        return super().exists(path.removeprefix(SCHEME))

    def delete(self, paths):
        super().delete([path.removeprefix(SCHEME) for path in paths])
