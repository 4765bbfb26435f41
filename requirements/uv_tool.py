"""Finds uv, or fetches the one that `uv.txt` names, with or without pip."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import io
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

PYPI = "https://pypi.org/simple"
# `uv pip sync --compile-bytecode` and the variables that pip_settings sets.
_LEAST_VERSION = (0, 5, 0)
_REQUIREMENT = Path(__file__).with_name("uv.txt")
_PIN = re.compile(
    r"^uv==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})$", re.M
)


class InstallError(Exception):
    """One line: what is missing and how to mend it."""


def find_uv(tools: Path, *, exact: bool = False) -> str:
    """Returns the path of a uv that will do; `exact` asks for the pinned version."""
    version, _ = _pin()
    pinned = tools / ("uv-" + version) / "uv"
    for path in (shutil.which("uv"), str(Path.home() / ".local/bin/uv"), str(pinned)):
        if path and os.path.exists(path):
            found = _version_of(path)
            if found == version or (not exact and _numbers(found) >= _LEAST_VERSION):
                return path
    wheel = _download_with_pip() or _download_alone()
    _unpack(wheel, pinned)
    return str(pinned)


def index_url() -> str:
    """The package index that the environment names for uv."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if os.environ.get(name):
            # uv takes `name=https://...` as well.
            return re.sub(r"^[\w-]+=(?=https?://)", "", os.environ[name])
    return PYPI


def unreachable(reason: object) -> InstallError:
    """Says that the index does not answer, without the password in its address."""
    address = urllib.parse.urlsplit(index_url())
    shown = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    mend = "check the network, or name a mirror in UV_DEFAULT_INDEX or PIP_INDEX_URL"
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        mend = "apt install ca-certificates, or name a bundle in SSL_CERT_FILE"
    return InstallError(
        f"the package index {shown} cannot be reached: {reason}; {mend}"
    )


def fetch(url: str) -> tuple[bytes, str]:
    """Gets a page or a file: its bytes, and the address it came from in the end."""
    address = urllib.parse.urlsplit(url)
    bare = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    request = urllib.request.Request(bare, headers={"User-Agent": "voc-pipeline"})
    if address.username:
        login = f"{address.username}:{address.password or ''}"
        token = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
        # Not sent on to where the index may redirect.
        request.add_unredirected_header("Authorization", "Basic " + token)
    context = ssl.create_default_context()
    if address.hostname in os.environ.get("UV_INSECURE_HOST", "").split():
        context = ssl._create_unverified_context()
    timeout = float(os.environ.get("UV_HTTP_TIMEOUT") or 60)
    with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
        return answer.read(), answer.geturl()


def _pin() -> tuple[str, str]:
    found = _PIN.search(_REQUIREMENT.read_text(encoding="utf-8"))
    if found is None:
        raise InstallError(f"{_REQUIREMENT}: no line like uv==1.2.3 --hash=sha256:...")
    return found["version"], found["sha256"]


def _version_of(uv: str) -> str:
    try:
        done = subprocess.run([uv, "--version"], stdout=subprocess.PIPE, check=False)
    except OSError:
        return "0"  # of another machine, or not a program at all
    words = done.stdout.decode(errors="replace").split()
    return words[1] if done.returncode == 0 and len(words) > 1 else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _download_with_pip() -> bytes | None:
    """Asks pip, which knows more ways to log in than we do; None where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", *options]
        command += ["--dest", folder, "--requirement", str(_REQUIREMENT)]
        # Its complaints are dropped: what comes next fails with one line of its own.
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            return None
        wheel = next(Path(folder).glob("*.whl"))
        return wheel.read_bytes()


def _download_alone() -> bytes:
    version, sha256 = _pin()
    try:
        page, base = fetch(index_url().rstrip("/") + "/uv/")
        links = _Links(base)
        links.feed(page.decode("utf-8"))
        start, end = f"uv-{version}-py3-none-manylinux", "x86_64.whl"
        names = {url: _file_name(url) for url in links.urls}
        found = [
            url
            for url, name in names.items()
            if name.startswith(start) and name.endswith(end)
        ]
        if not found:
            raise InstallError(
                f"the package index has no uv {version}; put uv on PATH, or name "
                "another index in UV_DEFAULT_INDEX"
            )
        wheel, _ = fetch(_with_login(found[0]))
    except (OSError, urllib.error.URLError) as error:
        raise unreachable(getattr(error, "reason", error)) from error
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise InstallError(f"the index's uv {version} is not the one of {_REQUIREMENT}")
    return wheel


def _with_login(url: str) -> str:
    """Logs in to the index's own host as the index's address says."""
    index, link = (urllib.parse.urlsplit(part) for part in (index_url(), url))
    same = (index.scheme, index.hostname) == (link.scheme, link.hostname)
    return link._replace(netloc=index.netloc).geturl() if same else url


class _Links(html.parser.HTMLParser):
    """The addresses that a page of the simple index links to."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            self.urls.append(urllib.parse.urljoin(self._base, href))


def _file_name(url: str) -> str:
    path = urllib.parse.urlsplit(url).path
    return urllib.parse.unquote(path.rpartition("/")[2])


def _unpack(wheel: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(n for n in archive.namelist() if n.endswith(".data/scripts/uv"))
        aside = target.with_name(f"uv.{os.getpid()}")
        aside.write_bytes(archive.read(member))
    aside.chmod(0o755)
    aside.rename(target)
