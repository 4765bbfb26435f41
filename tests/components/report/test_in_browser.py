"""A real browser opens the page; `make browser` says what that takes."""

import base64
import dataclasses
import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from components.evaluator.image_columns import ImageColumns, unknown_facts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="chromium and chromedriver are not on PATH",
    ),
]
MOST_BYTES = 10_000_000


def driver(width=1360, height=900, dark=False):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu"),
        *("--disable-dev-shm-usage", "--hide-scrollbars"),
    ):
        options.add_argument(argument)
    metrics = {"width": width, "height": height, "pixelRatio": 1.0, "mobile": False}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(
        options=options, service=Service(shutil.which("chromedriver"))
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    return browser


def opened(browser, path):
    """Opens the page; returns seconds from there to all charts drawn."""
    start = time.monotonic()
    browser.get(path.as_uri())
    while not browser.execute_script("return document.body.dataset.drawn"):
        assert time.monotonic() - start < 60
        time.sleep(0.02)
    return time.monotonic() - start


@pytest.fixture(scope="module")
def written(tmp_path_factory, make_findings, split_images):
    """Writes a page about findings."""
    from components.report import page
    from components.report.image_events import image_events

    def write(findings, with_picture, picture=None):
        events = image_events(findings)
        ids = [event.image_id for event in events]
        images = split_images(ids, ids[:with_picture], picture)
        path = tmp_path_factory.mktemp("page") / "report.html"
        path.write_text(page.render(findings, events, images), "utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def small_page(written, make_findings):
    return written(make_findings(), 3)


@pytest.fixture(scope="module")
def browser(small_page):
    browser = driver()
    opened(browser, small_page)
    yield browser
    browser.quit()


def choose(browser, **values):
    """Sets filters as a person would, and returns the file names that are shown."""
    browser.execute_script(
        "const form = document.querySelector('#filters');"
        "form.reset();"
        "for (const [name, value] of Object.entries(arguments[0])) {"
        "  form.elements[name].value = value;"
        "}"
        "form.dispatchEvent(new Event('input', {bubbles: true}));",
        values,
    )
    return [name.text for name in browser.find_elements("css selector", "#cards b")]


def test_nothing_is_said_on_the_console(browser):
    assert browser.get_log("browser") == []


def test_a_legend_names_each_thing_once(browser):
    legends = browser.execute_script(
        "return [...document.querySelectorAll('[data-chart]')].map(chart => "
        "[...chart.querySelectorAll('.role-legend-label text')]"
        ".map(label => label.textContent))"
    )
    assert ["mAP", "AP50"] in legends
    assert [names for names in legends if len(names) != len(set(names))] == []


def test_every_chart_is_drawn(browser):
    places = browser.find_elements("css selector", "[data-chart]")
    assert len(places) >= 8
    assert all(place.find_elements("css selector", "svg") for place in places)


def test_the_filters_choose_images(browser):
    assert choose(browser) == ["b.jpg", "a.jpg", "c.jpg", "d.jpg"]
    assert choose(browser, order="name")[0] == "a.jpg"
    assert choose(browser, kind="missed") == ["b.jpg", "a.jpg"]
    assert choose(browser, kind="missed", score=0.3) == ["b.jpg"]
    # a's dog is missed at .5; b has a dog that is none; c a second one on the same
    of_dogs = choose(browser, kind="errors", **{"class": "1"})
    assert of_dogs == ["b.jpg", "a.jpg", "c.jpg"]
    assert choose(browser, kind="5") == ["b.jpg", "c.jpg"]  # background
    assert choose(browser, kind="0", score=0.85) == ["a.jpg"]
    assert choose(browser, file="C.J") == ["c.jpg"]


def test_boxes_are_told_apart_by_sign_and_line(browser):
    choose(browser, file="b.jpg")
    boxes = browser.find_elements("css selector", "#cards .box")
    told = {box.text.split(" ")[0] for box in boxes}
    lines = {box.value_of_css_property("border-top-style") for box in boxes}
    assert told == {"✗", "?"}
    assert lines == {"dashed", "dotted"}


def test_a_class_name_that_looks_like_html_shows_as_text(browser):
    choose(browser, file="a.jpg")
    captions = [i.text for i in browser.find_elements("css selector", "#cards .box i")]
    assert '✓ <b>&" 0.90' in captions


def test_the_keyboard_opens_an_image_goes_on_and_closes_it(browser):
    from selenium.webdriver.common.keys import Keys

    choose(browser)
    card = browser.find_element("css selector", ".card")
    card.send_keys(Keys.ENTER)
    large = browser.find_element("css selector", "#large")
    assert "b.jpg" in large.text
    large.find_element("css selector", "#next").send_keys(Keys.ARROW_RIGHT)
    assert "a.jpg" in large.text
    large.find_element("css selector", "#next").send_keys(Keys.ESCAPE)
    assert not large.is_displayed()


def test_the_curves_follow_the_class(browser):
    browser.execute_script(
        "const s = document.querySelector('#curve-class'); s.value = 'dog';"
        "s.dispatchEvent(new Event('change'))"
    )
    time.sleep(0.3)
    shown = browser.find_element("css selector", '[data-chart="f1"]').text
    assert "best F1 0.500" in shown  # dogs from .4: a hit, two alarms; 2 / (3 + 1)


def test_dark_is_dark_and_a_phone_needs_no_scrolling_sideways(small_page):
    phone = driver(390, 844, dark=True)
    try:
        opened(phone, small_page)
        colour = phone.find_element("css selector", "body").value_of_css_property(
            "background-color"
        )
        wide = phone.execute_script("return document.documentElement.scrollWidth")
        cut = phone.execute_script(
            "return [...document.querySelectorAll('svg text')].filter(t => {"
            "const a = t.getBoundingClientRect();"
            "const b = t.ownerSVGElement.getBoundingClientRect();"
            "return a.left < b.left || b.right < a.right}).map(t => t.textContent)"
        )
        assert phone.get_log("browser") == []
    finally:
        phone.quit()
    assert colour == "rgba(22, 22, 21, 1)"
    assert wide <= 390
    assert cut == []


def test_a_model_that_detects_nothing_has_a_page_that_draws(written, make_findings):
    findings = make_findings(served=False)
    (columns,) = findings.columns.values()
    few = {name: getattr(columns, name)[:0] for name in ("image", "classes", "scores")}
    nothing = dataclasses.replace(columns, boxes=columns.boxes[:0], **few)
    path = written(dataclasses.replace(findings, columns={"candidate": nothing}), 1)
    browser = driver()
    try:
        opened(browser, path)
        assert browser.get_log("browser") == []
    finally:
        browser.quit()


def many_images(count, classes=20, objects=4, found=30):
    """Columns of a split: each object is found, roughly, and each image has more."""
    random = np.random.default_rng(0)
    corners = random.uniform(0, 200, (count * objects, 2))
    truth = np.concatenate([corners, corners + random.uniform(30, 200, (1, 2))], 1)
    more = np.repeat(random.uniform(0, 300, (count * (found - objects), 2)), 2, axis=1)
    more[:, 2:] += 60
    of_objects = random.integers(0, classes, len(truth))
    return ImageColumns(
        image_ids=np.array([f"{number:012d}" for number in range(count)]),
        gt_image=np.repeat(np.arange(count), objects),
        gt_boxes=truth,
        gt_classes=of_objects,
        gt_difficult=np.zeros(len(truth), bool),
        image=np.concatenate(
            [
                np.repeat(np.arange(count), objects),
                np.repeat(np.arange(count), found - objects),
            ]
        ),
        boxes=np.concatenate([truth + random.normal(0, 9, truth.shape), more]),
        classes=np.concatenate([of_objects, random.integers(0, classes, len(more))]),
        scores=np.concatenate(
            [random.beta(5, 2, len(truth)), random.beta(1, 9, len(more))]
        ).astype(np.float32),
        **unknown_facts(count),
    )


def photo_uri(side=400, quality=72):
    """A picture as hard to compress as a photo: about 20 KB."""
    random = np.random.default_rng(0)
    rough = random.integers(0, 255, (side // 4, side // 4, 3), np.uint8)
    picture = Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_five_thousand_images_open_without_an_error(written, make_findings):
    from components.report.findings import CANDIDATE, SERVED
    from components.report.pictures import BYTES_FOR_PICTURES

    names = tuple(f"class {number}" for number in range(20))
    columns = many_images(5000)
    findings = dataclasses.replace(
        make_findings(images=(), names=names, history=()),
        columns={CANDIDATE: columns, SERVED: columns},
    )
    photo = photo_uri()
    start = time.monotonic()
    path = written(findings, BYTES_FOR_PICTURES // len(photo), photo)
    wrote = time.monotonic() - start
    browser = driver()
    try:
        opened(browser, path)  # Chromium's own start is not the page's
        seconds = opened(browser, path)
        assert browser.get_log("browser") == []
    finally:
        browser.quit()
    size = path.stat().st_size
    print(f"written in {wrote:.1f} s, {size / 1e6:.2f} MB, open in {seconds:.2f} s")
    assert size <= MOST_BYTES
