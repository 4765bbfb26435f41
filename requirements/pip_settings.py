"""What pip was told about index, proxy and certificates, in uv's words.

uv reads none of pip's settings; a machine behind a mirror has often only those.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping


def for_uv(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables to add; what is set for uv already stays as it is."""
    pip = _Pip(environ)
    told = {
        "UV_DEFAULT_INDEX": pip.value("index-url"),
        "UV_INDEX": " ".join(pip.values("extra-index-url")),
        "UV_FIND_LINKS": ",".join(filter(_usable, pip.values("find-links"))),
        "UV_NO_INDEX": "1" if pip.value("no-index") in _TRUE else "",
        "UV_INSECURE_HOST": " ".join(pip.values("trusted-host")),
        "UV_HTTP_TIMEOUT": pip.value("timeout") or pip.value("default-timeout"),
        "HTTP_PROXY": pip.value("proxy"),
        "HTTPS_PROXY": pip.value("proxy"),
    }
    if told["UV_INDEX"]:
        # pip takes the best match of all indexes; hashes make that safe.
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    certificates = (
        pip.value("cert")
        or environ.get("REQUESTS_CA_BUNDLE", "")
        or environ.get("CURL_CA_BUNDLE", "")
    )
    where = "SSL_CERT_DIR" if os.path.isdir(certificates) else "SSL_CERT_FILE"
    told[where] = certificates
    return {
        name: value
        for name, value in told.items()
        if value and not any(environ.get(other) for other in _same(name))
    }


_TRUE = ("1", "true", "yes", "on")
# Any of these that is set decides; pip's setting is then not looked at.
_SYNONYMS = {
    "UV_DEFAULT_INDEX": ("UV_INDEX_URL",),
    "UV_INDEX": ("UV_EXTRA_INDEX_URL",),
    "HTTP_PROXY": ("http_proxy", "ALL_PROXY", "all_proxy"),
    "HTTPS_PROXY": ("https_proxy", "ALL_PROXY", "all_proxy"),
    "SSL_CERT_FILE": ("SSL_CERT_DIR",),
    "SSL_CERT_DIR": ("SSL_CERT_FILE",),
}


def _same(name: str) -> tuple[str, ...]:
    return (name, *_SYNONYMS.get(name, ()))


class _Pip:
    """pip's settings: a variable `PIP_NAME` before the configuration files."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        # pip's own files have no interpolation: a "%" in a password is a "%".
        self._config = configparser.RawConfigParser(strict=False)
        self._config.read(_config_files(environ), encoding="utf-8")

    def value(self, name: str) -> str:
        told = self._environ.get("PIP_" + name.upper().replace("-", "_"), "")
        for section in ("install", "global"):
            told = told or self._config.get(section, name, fallback="")
        return told.strip()

    def values(self, name: str) -> list[str]:
        return self.value(name).split()


def _config_files(environ: Mapping[str, str]) -> list[str]:
    """Pip's configuration files, the weakest first."""
    home = environ.get("HOME", os.path.expanduser("~"))
    user = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    return [
        "/etc/xdg/pip/pip.conf",
        "/etc/pip.conf",
        os.path.join(home, ".pip", "pip.conf"),
        os.path.join(user, "pip", "pip.conf"),
        *([named] if named else []),
    ]


def _usable(link: str) -> bool:
    """Pip passes over a folder that is not there; uv would stop."""
    return "://" in link or os.path.exists(link)
