"""A browser without a window, and what tests ask it."""

from __future__ import annotations

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver on the PATH; Debian: apt-get install chromium chromium-driver"
)
LIMIT = 60

COLOURS = """
const rgba = css => { const n = css.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
const over = (top, alpha, ground) => [0, 1, 2].map(i => top[i] * top[3] * alpha + ground[i] * (1 - top[3] * alpha));
const bright = colour => { const [r, g, b] = colour.map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
                           return .2126 * r + .7152 * g + .0722 * b; };
const contrast = (a, b) => { const [low, high] = [bright(a), bright(b)].sort((x, y) => x - y); return (high + .05) / (low + .05); };
const ground = element => {
    for (let e = element; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c.slice(0, 3); }
    return [255, 255, 255];
};
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium without a window; Selenium looks for nothing and loads nothing."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    profile = tmp_path_factory.mktemp("profile")
    for word in ("headless=new", "no-sandbox", "disable-background-networking", "no-first-run", "window-size=1400,1200", f"user-data-dir={profile}"):
        options.add_argument(f"--{word}")
    driver = webdriver.Chrome(options, Service(DRIVER))
    driver.set_page_load_timeout(LIMIT)
    driver.set_script_timeout(LIMIT)
    yield driver
    driver.quit()


def first(elements):
    """The first one, None without any."""
    return elements[0] if elements else None


def await_that(browser, condition):
    """Waits until something is true, and returns it."""
    return WebDriverWait(browser, LIMIT, poll_frequency=0.05).until(lambda _: condition())


def unfold(browser, details) -> None:
    """Opens what is folded, as a person does."""
    if details.get_attribute("open") is None:
        summary = details.find_element(By.CSS_SELECTOR, ":scope > summary")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", summary)
        summary.click()
        await_that(browser, lambda: details.get_attribute("open") is not None)


def is_visible(browser, element) -> bool:
    """Whether an element is drawn, and has a size."""
    return browser.execute_script("const e = arguments[0], b = e.getBoundingClientRect(); return e.checkVisibility() && b.width > 0 && b.height > 0", element)
