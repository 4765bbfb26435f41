"""The page about the data, copied beside the page about the model, and linked."""

import html
import os

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.report.page_files import DATA_PAGE_FILE

_SOURCE_FILE = "report.html"
_BEFORE = "<h1>"  # where the link stands: above the page's title


def copy_beside(source: str, target: str, model_page: str) -> str:
    """Copies ingest's page from its folder; returns its file name, or "" for none."""
    path = os.path.join(source, _SOURCE_FILE)
    if not fileio.exists(path):
        return ""
    with fileio.open(path) as file:
        page = file.read()
    link = f'<p><a href="{html.escape(model_page)}">the model</a></p>\n'
    fileio.makedirs(target)
    io_utils.write_string_file(
        os.path.join(target, DATA_PAGE_FILE), page.replace(_BEFORE, link + _BEFORE, 1)
    )
    return DATA_PAGE_FILE
