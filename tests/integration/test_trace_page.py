"""The trace page as a browser shows it: by pointer, keys and table, in both themes, from narrow to wide."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from browsing import COLOURS, await_that, first, needs_browser
from running import ROOT, robot
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = needs_browser

FAILED, PASSED = "Broken Stream Through The Queen", "Passed Test"
WIDTHS = (400, 800, 1400, 2500)
SPAN = "return [view.from, view.to]"
PLACE = """
const fits = arguments[0] === 'request' ? one => one.kind === 'request' && one.lane.role === 'worker' && one.args.method === 'POST'
                                        : one => one.kind === arguments[0];
const event = events.find(fits);
show(event.a - 2000, event.b + 2000);
draw();
const found = drawn.find(one => one[4] === event && one[5] !== 'arrow'), place = canvas.getBoundingClientRect();
return [place.left + (found[0] + found[2]) / 2, place.top + 22 - box.scrollTop + (found[1] + found[3]) / 2, event.name];
"""
PALE = (
    COLOURS
    + """
const inked = [...document.querySelectorAll('h1, h2, p, a, td, th, li, label, caption')].filter(e => e.checkVisibility() && e.textContent.trim());
return inked.map(e => [e.textContent.slice(0, 30), contrast(rgba(getComputedStyle(e).color).slice(0, 3), ground(e))]).filter(pair => pair[1] < 4.5);
"""
)
DRAWN_COLOURS = """
const data = pen.getImageData(0, 0, canvas.width, canvas.height).data, seen = new Set();
for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
return seen.size;
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a test that failed and one that passed."""
    return robot(tmp_path_factory.mktemp("run"), str(ROOT / "tests/data/failing_suites/trace.robot"))


@pytest.fixture(scope="module")
def page(run) -> Path:
    """The trace page of the test that failed."""
    return next(run.folder.glob("rbee/*broken-stream*/trace.html"))


@pytest.fixture
def opened(browser, page):
    """The page, freshly opened in a window of usual size."""

    def open_it(fragment: str = "", width: int = 1400, theme: str = "light"):
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [{"name": "prefers-color-scheme", "value": theme}]})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False})
        browser.get("about:blank")
        browser.get(page.as_uri() + fragment)
        await_that(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#rows tr"))
        return browser

    yield open_it
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def detail(driver) -> str:
    return driver.find_element(By.ID, "detail").text


def status(driver) -> str:
    return driver.find_element(By.ID, "status").text


def press(driver, *keys: str) -> None:
    driver.find_element(By.ID, "lanes").send_keys(*keys)


def click_on(driver, kind: str) -> str:
    """Clicks on the first event of a kind in the picture; returns its name."""
    x, y, name = driver.execute_script(PLACE, kind)
    ActionChains(driver).move_by_offset(0, 0).perform()
    for phase in ("mousePressed", "mouseReleased"):
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": phase, "x": x, "y": y, "button": "left", "clickCount": 1})
    return name


def test_only_a_test_that_failed_has_a_trace_and_its_message_and_log_lead_there(run, page):
    assert [path.parent.name[4:] for path in run.folder.glob("rbee/*/trace.html")] == [page.parent.name[4:]]
    test = run.tests()[FAILED]
    assert test.message.splitlines()[-1] == f"trace: {page}"
    shown = " ".join(str(item.message) for item in test.body if item.type == item.MESSAGE)
    assert f'href="rbee/{page.parent.name}/trace.html#failure"' in shown
    assert f'href="rbee/{page.parent.name}/trace.html#kw={test.id}-k1"' in shown
    assert f'href="#{test.id}-k1"' in shown
    assert "worker-1.stderr" in shown


def test_option_gives_every_test_a_trace_or_none(tmp_path):
    text = (ROOT / "tests/data/failing_suites/trace.robot").read_text()
    for chosen, expected in (("ALL", 2), ("NONE", 0)):
        suite = tmp_path / f"{chosen}.robot"
        (tmp_path / chosen).mkdir()
        suite.write_text(text.replace("Resource            ../../../resources/rbee.resource", f"Library    RbeeLibrary    trace={chosen}"))
        assert len(list(robot(tmp_path / chosen, str(suite)).folder.glob("rbee/*/trace.html"))) == expected


def test_files_for_other_viewers_are_beside_it(page):
    events = json.loads((page.parent / "trace.json").read_text())["traceEvents"]
    assert {event["args"]["name"] for event in events if event["name"] == "process_name"} == {"test", "queen", "hive", "worker-1"}
    resources = json.loads((page.parent / "trace.otlp.json").read_text())["resourceSpans"]
    assert {"queen", "hive", "worker-1"} <= {item["resource"]["attributes"][0]["value"]["stringValue"] for item in resources}
    starts = [int(span["startTimeUnixNano"]) / 1e9 for item in resources for span in item["scopeSpans"][0]["spans"]]
    written = page.stat().st_mtime
    assert all(written - 60 < start < written for start in starts)
    assert all(path.stat().st_mode & 0o77 == 0 for path in page.parent.glob("trace*"))


@pytest.mark.parametrize("theme", ("light", "dark"))
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_and_can_be_read(opened, width, theme):
    driver = opened("#failure", width, theme)
    assert driver.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert driver.execute_script(PALE) == []
    assert driver.execute_script(DRAWN_COLOURS) > 8


def test_page_is_printed_dark_on_white(opened):
    driver = opened("#failure", theme="dark")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    await_that(driver, lambda: driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)")
    assert driver.execute_script(PALE) == []
    assert not driver.find_element(By.ID, "tools").is_displayed()
    corner = "return [...pen.getImageData(canvas.width - 2, canvas.height - 2, 1, 1).data].slice(0, 3)"
    await_that(driver, lambda: min(driver.execute_script(corner)) > 200)


def test_nothing_comes_from_elsewhere_and_the_console_is_silent(opened):
    driver = opened("#failure")
    driver.get_log("browser")
    click_on(driver, "request")
    assert driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_keys_zoom_pan_and_walk(opened):
    driver = opened()
    begin, end = driver.execute_script(SPAN)
    press(driver, "+")
    near = driver.execute_script(SPAN)
    assert near[1] - near[0] == pytest.approx(0.7 * (end - begin), rel=0.01)
    press(driver, Keys.ARROW_RIGHT)
    assert driver.execute_script(SPAN)[0] > near[0]
    press(driver, "0")
    assert driver.execute_script(SPAN) == pytest.approx([begin, end])
    press(driver, "n")
    one = status(driver)
    press(driver, "n")
    assert status(driver) != one
    press(driver, "p")
    assert status(driver) == one
    press(driver, Keys.ENTER)
    assert driver.execute_script("return document.activeElement.id") == "details"
    press(driver, "f")
    assert "the test failed" in status(driver)


def test_wheel_and_touch_zoom_and_pan(opened):
    driver = opened()
    begin, end = driver.execute_script(SPAN)
    wheel = "box.dispatchEvent(new WheelEvent('wheel', {deltaY: arguments[0], shiftKey: arguments[1], clientX: 700, clientY: 300, cancelable: true}))"
    driver.execute_script(wheel, -300, False)
    near = driver.execute_script(SPAN)
    assert near[1] - near[0] < 0.7 * (end - begin)
    driver.execute_script(wheel, 200, True)
    assert driver.execute_script(SPAN)[0] > near[0]
    touch = """
    const touch = (type, id, x) => (type === 'pointerdown' ? box : window).dispatchEvent(
        new PointerEvent(type, {pointerId: id, pointerType: 'touch', clientX: x, clientY: 300, bubbles: true}));
    touch('pointerdown', 1, 600); touch('pointerdown', 2, 800); touch('pointermove', 2, 1000); touch('pointerup', 1, 600); touch('pointerup', 2, 1000);
    """
    before = driver.execute_script(SPAN)
    driver.execute_script(touch)
    after = driver.execute_script(SPAN)
    assert after[1] - after[0] == pytest.approx((before[1] - before[0]) / 2, rel=0.01)


def test_request_tells_everything_when_it_is_clicked(opened, page):
    driver = opened()
    assert click_on(driver, "request") == "POST /v1/inference"
    await_that(driver, lambda: "worker-1: POST /v1/inference" in detail(driver))
    text = detail(driver)
    for part in ("real time", "the run's clock", "was not complete", "correlation id", "X-Correlation-Id", "Body", "a </script> tale"):
        assert part in text, part
    words = shlex.split(driver.find_element(By.ID, "curl").text)
    assert words[:4] == ["curl", "-N", "-X", "POST"]
    assert words[4].endswith("/v1/inference")
    assert json.loads(words[words.index("--data-binary") + 1])["prompt"] == "a </script> tale"
    assert any(word.startswith("Content-Type:") for word in words)


@pytest.mark.parametrize(("kind", "text"), [("fault", "fault kill"), ("process", "SIGKILL"), ("token", "token"), ("clock", "moves by 120 s")])
def test_marks_can_be_chosen(opened, kind, text):
    driver = opened()
    driver.execute_script("select(events.find(event => event.kind === arguments[0] && event.name.includes(arguments[1])), {reveal: true})", kind, text)
    assert text in detail(driver)


def test_request_is_followed_over_all_hops(opened):
    driver = opened()
    click_on(driver, "request")
    await_that(driver, lambda: driver.find_elements(By.ID, "curl"))
    press(driver, "r")
    hops = [item.text for item in driver.find_elements(By.CSS_SELECTOR, "#hops li")]
    assert len(hops) >= 3
    assert any("queen receives POST /v2/tasks" in hop for hop in hops)
    assert any("queen sends POST /v1/inference" in hop for hop in hops)
    assert any("worker-1 receives POST /v1/inference" in hop for hop in hops)
    assert "following a request:" in status(driver)
    press(driver, Keys.ESCAPE)
    assert driver.find_elements(By.ID, "hops") == []


def test_both_clocks_can_be_the_axis(opened):
    driver = opened()
    real = driver.execute_script("return view.last - view.first")
    driver.execute_script("document.getElementById('clock').value = 'run'; document.getElementById('clock').dispatchEvent(new Event('change'))")
    run_clock = driver.execute_script("return view.last - view.first")
    assert real < 60e6
    assert 120e6 < run_clock < 180e6
    for event in ("fault", "token"):
        assert driver.execute_script("return events.find(event => event.kind === arguments[0] && event.name.includes('fault acts') === false).a", event) > 120e6


def test_filters_hide_programs_kinds_and_other_texts(opened):
    driver = opened()
    rows = "listEvents(); return [...document.querySelectorAll('#rows tr')].map(row => [...row.cells].map(cell => cell.textContent))"
    assert {row[1] for row in driver.execute_script(rows)} >= {"queen", "hive", "worker-1"}
    driver.execute_script("[...document.querySelectorAll('#programs input')][1].click()")
    assert "queen" not in {row[1] for row in driver.execute_script(rows)}
    driver.execute_script("[...document.querySelectorAll('#kinds label')].find(label => label.textContent.includes('tokens')).querySelector('input').click()")
    assert "token" not in {row[2] for row in driver.execute_script(rows)}
    driver.find_element(By.ID, "find").send_keys("/v1/inference")
    found = driver.execute_script(rows)
    assert found
    assert all("/v1/inference" in row[3] or row[2] in ("keyword", "failure", "record", "fault") for row in found)


def test_outputs_are_shown_of_the_same_moment(opened):
    driver = opened()
    driver.execute_script("select(events.find(event => event.kind === 'process'), {reveal: true})")
    lines = [item.text for item in driver.find_elements(By.CSS_SELECTOR, "#outputs li")]
    assert any("crashed" in line for line in lines)
    driver.find_element(By.ID, "only-program").click()
    assert all(" worker-1 " in item.text for item in driver.find_elements(By.CSS_SELECTOR, "#outputs li"))


def test_log_leads_to_the_moment_of_a_keyword_and_back(opened, run):
    test_id = run.tests()[FAILED].id
    driver = opened(f"#kw={test_id}-k3")
    assert "test: Inject Fault" in detail(driver)
    link = driver.find_element(By.LINK_TEXT, "This keyword in the log").get_attribute("href")
    assert link == f"{(run.folder / 'log.html').as_uri()}#{test_id}-k3"
    assert "the test failed" in status(opened("#failure"))


def test_all_of_it_is_there_without_the_picture(opened):
    driver = opened()
    nameless = """return [...document.querySelectorAll('button, input, select, a, [role=application], summary')].filter(
        e => !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).map(e => e.outerHTML)"""
    assert driver.execute_script(nameless) == []
    assert driver.find_element(By.ID, "status").get_attribute("aria-live") == "polite"
    assert " of " in driver.find_element(By.ID, "events-caption").text
    button = first(driver.find_elements(By.XPATH, "//tbody[@id='rows']//button[contains(., 'fault kill acts')]"))
    button.send_keys(Keys.ENTER)
    await_that(driver, lambda: "fault kill acts" in detail(driver))
    order = driver.execute_script("return [...document.querySelectorAll('h1, h2')].map(e => e.tagName + e.textContent.slice(0, 7))")
    assert order[0].startswith("H1")
    assert len(order) == 4
