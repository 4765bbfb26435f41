import os

import pytest
from pip_settings import for_uv


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch):
    # /etc/pip.conf of whoever runs the test must not decide it.
    def named_only(environ):
        return [environ["PIP_CONFIG_FILE"]] if "PIP_CONFIG_FILE" in environ else []

    monkeypatch.setattr("pip_settings._config_files", named_only)


def test_nothing_told_adds_nothing():
    assert for_uv({}) == {}


def test_pips_index_becomes_uvs():
    assert for_uv({"PIP_INDEX_URL": "https://mirror.example/simple"}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple"
    }


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_uv_was_told_wins(name):
    environ = {"PIP_INDEX_URL": "https://pip.example", name: "https://uv.example"}
    assert for_uv(environ) == {}


def test_a_configuration_file_is_read_and_a_variable_wins(tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\n"
        "index-url = https://me:100%25@mirror.example/simple\n"
        "cert = /etc/mirror.pem\n"
        "[install]\n"
        "trusted-host = one.example two.example\n"
    )
    environ = {"PIP_CONFIG_FILE": str(config), "PIP_CERT": "/other.pem"}
    assert for_uv(environ) == {
        "UV_DEFAULT_INDEX": "https://me:100%25@mirror.example/simple",
        "UV_INSECURE_HOST": "one.example two.example",
        "SSL_CERT_FILE": "/other.pem",
    }


def test_extra_indexes_are_chosen_from_as_pip_does():
    told = for_uv({"PIP_EXTRA_INDEX_URL": "https://a.example https://b.example"})
    assert told["UV_INDEX"] == "https://a.example https://b.example"
    assert told["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_links_to_folders_that_are_not_there_are_passed_over(tmp_path):
    links = f"{tmp_path} {tmp_path / 'gone'} https://links.example"
    told = for_uv({"PIP_FIND_LINKS": links})
    assert told == {"UV_FIND_LINKS": f"{tmp_path},https://links.example"}


def test_certificates_of_requests_serve_where_pip_names_none(tmp_path):
    bundle = tmp_path / "bundle.pem"
    assert for_uv({"REQUESTS_CA_BUNDLE": str(bundle)}) == {"SSL_CERT_FILE": str(bundle)}
    assert for_uv({"CURL_CA_BUNDLE": str(tmp_path)}) == {"SSL_CERT_DIR": str(tmp_path)}
    told = {"PIP_CERT": "/pip.pem", "SSL_CERT_FILE": "/ssl.pem"}
    assert for_uv(told) == {}


def test_pips_proxy_serves_where_none_is_set():
    told = for_uv({"PIP_PROXY": "http://proxy.example:3128", "https_proxy": "http://x"})
    assert told == {"HTTP_PROXY": "http://proxy.example:3128"}


def test_a_null_configuration_file_turns_the_others_off(monkeypatch):
    monkeypatch.undo()
    from pip_settings import _config_files

    assert _config_files({"PIP_CONFIG_FILE": os.devnull, "HOME": "/home/me"}) == []
    files = _config_files({"PIP_CONFIG_FILE": "/mine.conf", "HOME": "/home/me"})
    assert files[-2:] == ["/home/me/.config/pip/pip.conf", "/mine.conf"]
