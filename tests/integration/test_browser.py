"""The timeline as a browser shows it: in the log of Robot Framework, light, dark and printed."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path

import pytest
from browsing import COLOURS, await_that, first, is_visible, needs_browser, unfold
from running import ROOT, robot
from selenium.webdriver.common.by import By

pytestmark = needs_browser
PASSED = ("Stream And Fault", "Signals And Jumps Of The Clock")
FAILED = ("Killed By A Fault", "Frozen Hive", "Worker That Ignored Its Shutdown")
THEMES = ("light", "dark")
TIMELINE = "details.rbee-timeline"

LOOK = (
    COLOURS
    + """
document.getAnimations().forEach(animation => animation.finish());
const svg = arguments[0];
svg.scrollIntoView({block: 'center'});
const box = e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
const beneath = (e, x, y) => {  // what is painted under an element, at a point; bars are next to each other, not on each other
    const stack = document.elementsFromPoint(x, y);
    return stack.slice(stack.indexOf(e) + 1).filter(other => other.matches(e.tagName === 'rect' ? 'rect.f' : 'rect')).reverse()
        .reduce((colour, other) => over(rgba(getComputedStyle(other).fill), getComputedStyle(other).opacity * getComputedStyle(other).fillOpacity, colour),
                ground(svg));
};
const stands_out = (e, paint) => {
    const [left, top, right, bottom] = box(e), y = (top + bottom) / 2, style = getComputedStyle(e);
    return Math.min(...[left + .5, (left + right) / 2, right - .5].map(x => {
        const under = beneath(e, x, y);
        return contrast(over(rgba(style[paint]), style.opacity * (paint === 'fill' ? style.fillOpacity : 1), under), under);
    }));
};
const all = (query, paint, name) => [...svg.querySelectorAll(query)].map(e => ({name: name(e), box: box(e), contrast: stands_out(e, paint)}));
const title = e => e.querySelector('title').textContent;
return {box: box(svg), width: document.documentElement.clientWidth, texts: all('text', 'fill', e => e.textContent),
        bars: all('rect:not(.f):not(.w)', 'fill', title)};
"""
)
BREAKAGES = {
    "a text over another": ("const [a, b] = svg.querySelectorAll('text'); ['x', 'y'].forEach(n => b.setAttribute(n, a.getAttribute(n)))", "meets"),
    "a text that is cut": ("const last = svg.querySelector('text:last-of-type'); last.removeAttribute('text-anchor'); last.setAttribute('x', 1090)", "is cut"),
    "a text above the picture": ("svg.querySelector('text').setAttribute('y', 2)", "is cut"),
    "a grey too light": ("svg.querySelector('text').style.fill = '#999'", "is pale"),
    "a bar too light": ("svg.querySelectorAll('rect:not(.f):not(.w)').forEach(bar => bar.style.fillOpacity = .3)", "is a pale bar"),
    "a picture too wide": ("svg.parentElement.style.overflowX = 'visible'; svg.style.width = '3000px'", "is wider than the window"),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A log with tests that passed and tests that failed, and their ids by name."""
    names = [word for name in (*PASSED, *FAILED) for word in ("--test", name)]
    run = robot(
        tmp_path_factory.mktemp("log"), *names, str(ROOT / "tests/data/library_suites/timeline.robot"), str(ROOT / "tests/data/failing_suites/causes.robot")
    )
    tests = run.tests()
    assert {name for name, test in tests.items() if test.passed} == set(PASSED), run.output
    assert {name for name, test in tests.items() if test.failed} == set(FAILED), run.output
    return run.folder / "log.html", {name: test.id for name, test in tests.items()}


@pytest.fixture
def show(browser, log):
    """Opens the log in a theme, at a test, and returns the test's timeline."""
    page, ids = log

    def shown(name: str, theme: str = "light", media: str = ""):
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [{"name": "prefers-color-scheme", "value": theme}]})
        browser.get("about:blank")  # the same page with another hash would not be loaded again
        browser.get(f"{page.as_uri()}?theme={theme}#{ids[name]}")  # the log keeps the last theme, whatever the browser prefers now
        await_that(browser, lambda: browser.find_element(By.TAG_NAME, "body").get_attribute("data-theme") == theme)
        return await_that(browser, lambda: first(browser.find_elements(By.CSS_SELECTOR, f"#{ids[name]} {TIMELINE}")))

    return shown


def picture(browser, timeline):
    """The picture of a timeline, unfolded."""
    unfold(browser, timeline)
    return timeline.find_element(By.TAG_NAME, "svg")


def complaints(seen: dict) -> list[str]:
    """What is wrong with a picture."""
    found = [f"{a['name']!r} meets {b['name']!r}" for a, b in itertools.combinations(seen["texts"], 2) if meet(a["box"], b["box"])]
    found += [f"{text['name']!r} is cut" for text in seen["texts"] if not inside(text["box"], seen["box"])]
    found += [f"{text['name']!r} is pale: {text['contrast']:.2f}" for text in seen["texts"] if text["contrast"] < 4.5]
    found += [f"{bar['name']!r} is a pale bar: {bar['contrast']:.2f}" for bar in seen["bars"] if bar["contrast"] < 3]
    if seen["box"][2] > seen["width"]:
        found.append("the picture is wider than the window")
    return found


def meet(one: list[float], other: list[float]) -> bool:
    """Whether two boxes share more than a pixel."""
    return all(min(one[side + 2], other[side + 2]) - max(one[side], other[side]) > 1 for side in (0, 1))


def inside(box: list[float], frame: list[float]) -> bool:
    """Whether a box lies within another, but for a pixel."""
    return all(box[side] >= frame[side] - 1 and box[side + 2] <= frame[side + 2] + 1 for side in (0, 1))


def test_timeline_of_a_test_that_passed_is_folded(browser, log, show):
    page, ids = log
    timeline = show(PASSED[0])
    assert timeline.get_attribute("open") is None
    assert not is_visible(browser, timeline.find_element(By.TAG_NAME, "svg"))
    assert is_visible(browser, picture(browser, timeline))
    browser.get("about:blank")
    browser.get(page.as_uri())
    await_that(browser, lambda: browser.find_elements(By.ID, "s1"))
    assert browser.find_elements(By.CSS_SELECTOR, f"#{ids[PASSED[0]]} {TIMELINE}") == []


@pytest.mark.parametrize("name", FAILED)
def test_timeline_of_a_test_that_failed_is_open(browser, show, name):
    timeline = show(name)
    assert timeline.get_attribute("open") is not None
    assert is_visible(browser, timeline.find_element(By.TAG_NAME, "svg"))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", [*PASSED, *FAILED])
def test_everything_can_be_read(browser, show, name, theme):
    seen = browser.execute_script(LOOK, picture(browser, show(name, theme)))
    assert len(seen["texts"]) > 8
    assert len(seen["bars"]) > 4
    assert complaints(seen) == []


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_cannot_be_read_is_noticed(browser, show, breakage):
    script, complaint = BREAKAGES[breakage]
    svg = picture(browser, show(FAILED[0]))
    browser.execute_script(f"const svg = arguments[0]; {script}", svg)
    assert any(complaint in found for found in complaints(browser.execute_script(LOOK, svg)))


@pytest.mark.parametrize(("name", "least"), [(PASSED[0], 3), (FAILED[0], 5)])
def test_all_that_is_folded_unfolds(browser, log, show, name, least):
    show(name)
    browser.execute_script("expandAll(arguments[0])", log[1][name])
    folded = await_that(browser, lambda: len(found := browser.find_elements(By.CSS_SELECTOR, f"#{log[1][name]} details")) >= least and found)
    for details in folded:
        await_that(browser, details.is_displayed)
        unfold(browser, details)
        assert details.size["height"] > details.find_element(By.TAG_NAME, "summary").size["height"]


@pytest.mark.parametrize("theme", THEMES)
def test_timeline_is_printed_dark_on_white(browser, show, theme):
    timeline = show(FAILED[0], theme, media="print")
    assert is_visible(browser, timeline.find_element(By.TAG_NAME, "svg"))
    inks = "return [...arguments[0].querySelectorAll('summary, text')].map(e => contrast(rgba(getComputedStyle(e).color).slice(0, 3), [255, 255, 255]))"
    assert min(browser.execute_script(COLOURS + inks, timeline)) >= 4.5
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert pdf.startswith(b"%PDF")


def test_console_is_silent(browser, show):
    browser.get_log("browser")
    for name in (*PASSED, *FAILED):
        picture(browser, show(name))
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    browser.execute_script("console.error('this would have been seen')")
    assert await_that(browser, lambda: browser.get_log("browser"))
