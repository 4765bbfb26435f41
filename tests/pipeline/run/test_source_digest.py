import pytest

from pipeline.run import source_digest


@pytest.fixture
def project(tmp_path, monkeypatch):
    files = {
        "schemas/__init__.py": "",
        "schemas/boxes.py": "SIDE = 4\n",
        "trainer/__init__.py": "",
        "trainer/losses.py": "def loss():\n    from schemas import boxes\n",
        "trainer/unrelated.py": "X = 1\n",
        "components/__init__.py": "",
        "components/stage.py": "import trainer.losses\nimport numpy\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(source_digest, "_ROOT", tmp_path)
    return tmp_path


def test_the_digest_is_the_same_for_the_same_code(project):
    digest = source_digest.source_digest

    assert digest("components.stage") == digest("components.stage")


@pytest.mark.parametrize(
    "edited",
    ["components/stage.py", "trainer/losses.py", "schemas/boxes.py"],
)
def test_an_edit_anywhere_below_is_seen_even_behind_an_import_in_a_function(
    project, edited
):
    before = source_digest.source_digest("components.stage")
    with (project / edited).open("a") as file:
        file.write("# edited\n")

    assert source_digest.source_digest("components.stage") != before


def test_an_edit_of_a_page_beside_its_module_is_seen(project):
    page = project / "components" / "stage.html"
    page.write_text("<p>")
    before = source_digest.source_digest("components.stage")
    page.write_text("<b>")

    assert source_digest.source_digest("components.stage") != before


def test_an_edit_of_what_is_not_imported_is_not_seen(project):
    before = source_digest.source_digest("components.stage")
    (project / "trainer" / "unrelated.py").write_text("X = 2\n")

    assert source_digest.source_digest("components.stage") == before


def test_a_library_of_another_version_is_seen(project, monkeypatch):
    before = source_digest.source_digest("components.stage")
    monkeypatch.setattr(source_digest.importlib.metadata, "version", lambda _: "0.0")

    assert source_digest.source_digest("components.stage") != before


def test_a_module_that_is_not_ours_is_an_error(project):
    with pytest.raises(ModuleNotFoundError, match="numpy is no module"):
        source_digest.source_digest("numpy")


def test_each_page_of_ours_lies_beside_the_module_that_the_digest_finds_it_by():
    root = source_digest._ROOT
    pages = [
        page
        for name in source_digest._PACKAGES
        for page in root.glob(f"{name}/**/*.html")
    ]
    assert pages
    assert [p.name for p in pages if not p.with_suffix(".py").is_file()] == []
