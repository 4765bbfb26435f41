"""A real browser says yes and no; `make browser` says what that takes."""

import json
import shutil
import time

import numpy as np
import pytest

from pipeline.label_prices.pages import render
from pipeline.label_prices.priced_list import picture_of, read_answers
from schemas.detection_example import DetectionExample
from trainer.metrics.label_prices import BOX, CLASS, Suspicion

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="chromium and chromedriver are not on PATH",
    ),
]
NAMES = ('<b>&"</script>', "cat")


@pytest.fixture
def page(tmp_path):
    """A page of two suspicions about one object."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (200, 100)).save(buffer, "JPEG")
    none = np.zeros(1, bool)
    example = DetectionExample(
        image_id="p",
        filename="p.jpg",
        source_path="p.jpg",
        encoded_image=buffer.getvalue(),
        image_format="jpeg",
        width=200,
        height=100,
        sha256="0",
        boxes=np.array([[0, 0, 200, 50]], np.float32),
        class_names=NAMES[:1],
        difficult=none,
        truncated=none,
        occluded=none,
        poses=("",),
    )
    ranked = [
        Suspicion(CLASS, 0, 0, 1, (0, 0, 160, 50), 0.9, 0.1),
        Suspicion(BOX, 0, 0, 0, (0, 0, 160, 50), 0.9, 0.1),
    ]
    label = {
        "image": "p",
        "object": 0,
        "class_now": NAMES[0],
        "class": NAMES[1],
        "box_xywh": [0, 0, 160, 50],
        "sureness": 0.9,
        "AP_gained": 0.1,
    }
    picture = picture_of(example)
    drawn = {"class": picture.objects[0].class_name, "box": [0, 0, 200, 50]}
    size = {"filename": "p.jpg", "width": 200, "height": 100}
    whole = {
        "AP": 0.5,
        "AP_mended": 0.6,
        "corners": "one_based",
        "images": {"p": {**size, "objects": [drawn]}},
        "labels": [{**label, "kind": "class"}, {**label, "kind": "box"}],
    }
    text = render(
        ranked,
        {0: example},
        {0: (NAMES[0], (0, 0, 200, 50))},
        NAMES,
        {"AP": 0.5, "mended": 0.6, "of": "one"},
        json.dumps(whole).encode(),
    )
    path = tmp_path / "labels.html"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    folder = {"download.default_directory": str(tmp_path)}
    options.add_experimental_option("prefs", folder)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(
        options=options, service=Service(shutil.which("chromedriver"))
    )
    yield browser
    browser.quit()


def saved(browser, path):
    browser.find_element("id", "save").click()
    end = time.monotonic() + 20
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    return read_answers(str(path))


def test_the_answers_are_saved_as_accept_takes_them(tmp_path, page, browser):
    browser.get(page.as_uri())
    count = browser.find_element("id", "count")
    assert count.text == "0 yes, 0 no, 2 open"

    for row, value in ((0, "yes"), (1, "no")):
        choice = f"input[name='{row}'][value={value}]"
        button = browser.find_element("css selector", choice)
        # off the line of buttons that stays at the lower edge
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    assert count.text == "1 yes, 1 no, 0 open"
    answers = saved(browser, tmp_path / "answers.json")
    assert [label.answer for label in answers.labels] == ["yes", "no"]
    assert answers.labels[0].class_now == NAMES[0]
    assert answers.images["p"].objects[0].class_name == NAMES[0]
    assert browser.get_log("browser") == []


def test_saved_answers_are_gone_on_from(tmp_path, page, browser):
    text = page.read_text("utf-8").partition('id="labels">')[2].partition("</script>")
    earlier = json.loads(text[0])
    earlier["labels"][1]["answer"] = "no"
    (tmp_path / "mine.json").write_text(json.dumps(earlier))
    earlier["labels"][1]["sureness"] = 0.8  # of another list
    (tmp_path / "other.json").write_text(json.dumps(earlier))
    (tmp_path / "none.json").write_text("[")
    browser.get(page.as_uri())
    count, opened = (browser.find_element("id", name) for name in ("count", "opened"))
    for name, said, counted in (
        ("none", "none.json has no answer to these labels", "0 yes, 0 no, 2 open"),
        ("other", "other.json has no answer to these labels", "0 yes, 0 no, 2 open"),
        ("mine", "1 taken from mine.json", "0 yes, 1 no, 1 open"),
    ):
        path = tmp_path / f"{name}.json"
        browser.find_element("id", "open").send_keys(str(path))
        end = time.monotonic() + 20
        while opened.text != said and time.monotonic() < end:
            time.sleep(0.05)
        assert (opened.text, count.text) == (said, counted)
    answers = saved(browser, tmp_path / "answers.json")
    assert [label.answer for label in answers.labels] == ["", "no"]
    assert browser.get_log("browser") == []
