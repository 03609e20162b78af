"""A headless Chromium, and pages that remember everything that went wrong in them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from support import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MISSING = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]


class Unrunnable(pytest.File):
    """A test file whose packages are not installed: an error in CI, a visible skip elsewhere."""

    def collect(self) -> NoReturn:
        reason = f"not installed: {', '.join(MISSING)} (pip install -r Tests/Clients/requirements.txt)"
        if os.environ.get("CI"):
            raise self.CollectError(f"{reason}; required where CI is set")
        pytest.skip(reason, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return Unrunnable.from_parent(parent, path=module_path) if MISSING else None


WATCH_POLICY = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Problems:
    """Errors in the console, uncaught exceptions and refusals by the content security policy."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.add_init_script(WATCH_POLICY)
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.found.append(f"uncaught: {error}"))

    def _console(self, kind: str, text: str) -> None:
        # The browser itself reports each answer with an error status; that the client asked for one is the test's
        # own affair, and what the reader is shown of it is what the tests check.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.found.append(f"{kind}: {text}")


@pytest.fixture(scope="session")
def chromium(unavailable: Callable[[str], NoReturn]) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        unavailable("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, each with a profile of its own; at the end of the test none may have had a problem."""
    problems = Problems()
    with contextlib.ExitStack() as stack:

        def open_one(width: int = 1280, height: int = 800, color_scheme: str = "light") -> Page:
            context = chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme=color_scheme, locale="en-GB")
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(15_000)
            problems.watch(page)
            return page

        yield open_one
    assert problems.found == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """Checks a page with axe: every violation, with the element that has it."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()

    def check(page: Page) -> list[str]:
        found = axe.run(page).response["violations"]
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    return check


@pytest.fixture(scope="session")
def sign_in() -> Callable[[Page, str, str, str], Page]:
    """Signs in on a page: `sign_in(page, server.url, "ada", "usage")` for what `support.Server.sign_up` has made."""

    def enter(page: Page, url: str, name: str, view: str = "chat") -> Page:
        page.goto(f"{url}/#/{view}")
        page.get_by_label("Email").fill(f"{name}@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.locator(".sidebar").wait_for(state="attached")
        return page

    return enter
