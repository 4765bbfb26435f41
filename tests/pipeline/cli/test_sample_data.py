import json
import subprocess
import sys

from pipeline.__main__ import main


def test_the_command_writes_a_sample_and_tells_what_is_in_it(tmp_path, capsys):
    directory = tmp_path / "sample"
    assert main(["sample-data", str(directory), "--images", "5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] is True
    assert told["splits"] == {"train": 3, "val": 1, "trainval": 4, "test": 1}
    assert len(list((directory / "JPEGImages").iterdir())) == 5


def test_the_second_time_it_says_that_the_sample_is_there(tmp_path, capsys):
    directory = tmp_path / "sample"
    assert main(["sample-data", str(directory), "--images", "2"]) == 0
    assert main(["sample-data", str(directory), "--images", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"wrote 2 images in {directory}")
    assert second.startswith(f"already there: 2 images in {directory}")


def test_bad_input_is_one_line_and_exit_2(tmp_path, capsys):
    assert main(["sample-data", str(tmp_path / "a"), "--images", "0"]) == 2
    told = capsys.readouterr().err
    assert told == "voc-pipeline sample-data: --images 0: ask for 1 to 999999 images\n"


def test_it_needs_neither_tensorflow_nor_beam_nor_tfx(tmp_path):
    code = (
        "import sys; from pipeline.__main__ import main; "
        f"main(['sample-data', {str(tmp_path / 'a')!r}, '--images', '1']); "
        "heavy = {'tensorflow', 'apache_beam', 'tfx', 'keras', 'jax', 'pandas'}; "
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
