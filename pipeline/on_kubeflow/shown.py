"""What KFP's UI draws of a stage: a page, a table of numbers; TFX has no such types.

The UI takes artifacts by the name of their type and reads the object at their URI, so
these are outputs of their own, made of files in the stage's others.
"""

import json
import os
import re
import shutil
from typing import Any

PAGE, NUMBERS = "system.HTML", "system.Metrics"
# Stage -> output for the UI, its type, and the file of another output it is made of.
SHOWN = {
    "VocExampleGen": ("page", PAGE, "report/report.html"),
    "ReportWriter": ("page", PAGE, "report/report.html"),
    "DetectionEvaluator": ("metrics", NUMBERS, "evaluation_result/metrics.json"),
}
# How a page links to a file beside it, which the UI does not have.
_LINK_BESIDE = re.compile(r'<a class="page" href="[^"#:]+">[^<]*</a>')


def show(source: str, target: str) -> dict[str, Any]:
    """Copies a file to where KFP's launcher looks for it; returns its metadata.

    Those are what the UI makes a table of: of JSON {split: {model: {name: number}}},
    the numbers over all classes, as split/model/name. Of a page, which the UI shows by
    itself, the links to files beside it are left out.
    """
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not source.endswith(".json"):
        with open(source, encoding="utf-8") as file:
            page = _LINK_BESIDE.sub("", file.read())
        with open(target, "w", encoding="utf-8") as file:
            file.write(page)
        return {}
    shutil.copyfile(source, target)
    with open(source, encoding="utf-8") as file:
        splits = json.load(file)
    return {
        f"{split}/{model}/{name}": value
        for split, models in splits.items()
        for model, numbers in models.items()
        for name, value in numbers.items()
        if "/" not in name and value is not None  # KFP refuses null
    }
