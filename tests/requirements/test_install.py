import platform
import subprocess
import sys

import install
import pytest
from install import choose_lock, fingerprint, glibc
from uv_tool import InstallError


@pytest.mark.parametrize(
    ("libc", "lock"),
    [
        ((2, 31), "lock-glibc-older.txt"),
        ((2, 36), "lock-glibc-older.txt"),
        ((2, 38), "lock-glibc-older.txt"),
        ((2, 39), "lock-glibc-2.39.txt"),
        ((2, 41), "lock-glibc-2.39.txt"),
        ((3, 0), "lock-glibc-2.39.txt"),
    ],
)
def test_the_lock_is_chosen_by_glibc(libc, lock):
    assert choose_lock("linux", "x86_64", libc).name == lock


@pytest.mark.parametrize(
    ("system", "machine", "libc", "message"),
    [
        ("darwin", "arm64", None, "darwin on arm64 without glibc is not supported"),
        ("linux", "aarch64", (2, 39), "linux on aarch64 is not supported"),
        ("linux", "x86_64", None, "linux on x86_64 without glibc is not supported"),
        ("linux", "x86_64", (2, 28), r"glibc 2\.28 is too old"),
    ],
)
def test_another_platform_is_one_clear_line(system, machine, libc, message):
    with pytest.raises(InstallError, match=message) as told:
        choose_lock(system, machine, libc)
    assert "\n" not in str(told.value)


def test_the_version_of_glibc_is_that_of_this_interpreter():
    name, version = platform.libc_ver()
    told = glibc()
    if name != "glibc":
        assert told is None
    else:
        assert ".".join(map(str, told)) == ".".join(version.split(".")[:2])


def test_the_fingerprint_changes_with_the_lock_and_with_the_place(
    tmp_path, monkeypatch
):
    lock = tmp_path / "lock.txt"
    lock.write_text("a==1\n")
    first = fingerprint(lock)
    assert fingerprint(lock) == first
    lock.write_text("a==2\n")
    second = fingerprint(lock)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "setup.py").write_text("")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    assert len({first, second, fingerprint(lock)}) == 3


@pytest.fixture
def fresh_checkout(tmp_path, monkeypatch):
    """A root without .venv, and pretended findings for what install looks for."""
    for name in ("pyproject.toml", "setup.py"):
        (tmp_path / name).write_text("")
    venv = tmp_path / ".venv"
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", venv)
    monkeypatch.setattr(install, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(install, "STAMP", venv / "installed-from")
    monkeypatch.setattr(install, "prepare_environment", lambda: None)
    monkeypatch.setattr(install, "find_uv", lambda _tools: "uv")
    monkeypatch.setattr(install, "find_python", lambda _uv, _venv: "python3.11")
    monkeypatch.setattr(install, "glibc", lambda: (2, 39))
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path


def pretend_uv(venv, commands, fails=()):
    def run(command, *, needs_index):
        del needs_index
        commands.append(command[1:3])
        if command[1:3] in fails:
            raise InstallError("failed, see above")
        if command[1] == "venv":
            (venv / "bin").mkdir(parents=True)
            (venv / "pyvenv.cfg").write_text("")
            (venv / "bin" / "python").write_text("")

    return run


def test_a_second_install_does_nothing(fresh_checkout, monkeypatch):
    commands = []
    run = pretend_uv(fresh_checkout / ".venv", commands)
    monkeypatch.setattr(install, "run_uv", run)
    install.install()
    assert commands == [["venv", "--quiet"], ["pip", "sync"], ["pip", "install"]]
    install.install()
    assert len(commands) == 3


def test_cuda_is_added_to_the_locked_versions_by_a_uv_that_knows_what_pip_was_told(
    fresh_checkout, monkeypatch
):
    commands = []
    monkeypatch.setattr(install, "prepare_environment", lambda: commands.append("told"))
    monkeypatch.setattr(install, "run_uv", lambda line, **_: commands.append(line))
    install.add_cuda()
    told, line = commands
    assert told == "told"
    lock = str(install.HERE / "lock-glibc-2.39.txt")
    assert line[line.index("--constraint") + 1] == lock
    python = str(fresh_checkout / ".venv" / "bin" / "python")
    assert line[line.index("--python") + 1] == python
    assert {"tensorflow[and-cuda]", "jax[cuda12]"} <= set(line)


def test_an_install_that_fails_half_way_is_not_taken_for_a_whole_one(
    fresh_checkout, monkeypatch
):
    commands = []
    venv = fresh_checkout / ".venv"
    monkeypatch.setattr(
        install, "run_uv", pretend_uv(venv, commands, [["pip", "sync"]])
    )
    with pytest.raises(InstallError):
        install.install()
    assert not (venv / "installed-from").exists()
    monkeypatch.setattr(install, "run_uv", pretend_uv(venv, commands))
    install.install()
    assert (venv / "installed-from").exists()


@pytest.mark.usefixtures("fresh_checkout")
def test_no_compiler_is_told_before_anything_is_fetched(monkeypatch, capsys):
    monkeypatch.setattr(install.shutil, "which", lambda _name: None)
    monkeypatch.setattr(install, "find_uv", lambda _tools: pytest.fail("fetched"))
    assert install.main() == 1
    told = capsys.readouterr().err
    assert told == "install: no g++ on PATH, pyfarmhash needs it: apt install g++\n"


@pytest.mark.usefixtures("fresh_checkout")
def test_a_full_disk_is_one_line(monkeypatch, capsys):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(install, "find_uv", fail)
    assert install.main() == 1
    told = capsys.readouterr().err
    assert told.startswith("install: [Errno 28] No space left on device; ")
    assert told.count("\n") == 1


def test_a_folder_that_is_no_environment_is_left_alone(fresh_checkout, monkeypatch):
    (fresh_checkout / ".venv").mkdir()
    (fresh_checkout / ".venv" / "mine.txt").write_text("mine")
    monkeypatch.setattr(install, "run_uv", lambda *_args, **_kw: pytest.fail("ran"))
    with pytest.raises(InstallError, match="no virtual environment"):
        install.install()
    assert (fresh_checkout / ".venv" / "mine.txt").exists()


def test_the_environment_is_cleared_of_what_misleads_uv(monkeypatch):
    environ = {"VIRTUAL_ENV": "/x", "HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    monkeypatch.setattr(install.os, "environ", environ)
    monkeypatch.setattr(install.pip_settings, "for_uv", lambda _: {"UV_NO_INDEX": "1"})
    install.prepare_environment()
    assert environ == {"HOME": "/nowhere", "UV_NO_INDEX": "1"}


def test_the_stand_in_module_says_that_it_cannot_slice(tmp_path, monkeypatch):
    package = tmp_path / "lib/python3.11/site-packages/tfx_bsl/arrow"
    package.mkdir(parents=True)
    monkeypatch.setattr(install, "VENV", tmp_path)
    install.install_shim()
    code = "import sql_util; sql_util.RecordBatchSQLSliceQuery('SELECT 1', None)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "NotImplementedError: tfx-bsl 1.21 cannot slice by SQL: SELECT 1" in done.stderr
    )


@pytest.mark.parametrize(("given", "wanted"), [([], ""), (["cuda"], "cuda")])
def test_an_accelerator_that_nobody_knows_makes_no_image_for_the_cpu(given, wanted):
    assert install.accelerator(given) == wanted
    with pytest.raises(InstallError, match="'gpu' is not known"):
        install.accelerator(["gpu"])
