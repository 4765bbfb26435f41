import dataclasses
import sys

import pytest

from schemas.user_error import UserError
from trainer.model.backbones import imagenet_package
from trainer.model.backbones.imagenet_package import (
    packaged_weights,
    require_packaged_weights,
)
from trainer.model.config import ModelConfig


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """A package of the same name before the installed one; the path of its file."""
    path = tmp_path / imagenet_package.MODULE / imagenet_package.FILE
    path.parent.mkdir(parents=True)
    (path.parents[1] / "__init__.py").write_text("raise AssertionError('run')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, imagenet_package.MODULE, raising=False)
    return path


def test_the_installed_file_is_found():
    assert packaged_weights().endswith("efficientnet-lite0-57934424.pth")


def test_other_contents_are_refused(other_package):
    other_package.write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"is not the file of version 0\.1\.0; install"):
        packaged_weights()


def test_without_the_package_the_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(imagenet_package, "MODULE", "no_such_package_of_weights")
    with pytest.raises(UserError, match=r"'\.\[imagenet\]' in the checkout; or"):
        packaged_weights()
    start = ModelConfig(backbone="efficientnet_lite0", backbone_weights="preset")
    with pytest.raises(UserError, match="--preset cpu_scratch, which needs none"):
        require_packaged_weights(start)
    for other in ({"backbone_weights": "lite0.pth"}, {"backbone": "light"}):
        require_packaged_weights(dataclasses.replace(start, **other))


def test_a_package_without_the_file_counts_as_none(other_package):
    with pytest.raises(UserError, match="are not installed"):
        packaged_weights()
