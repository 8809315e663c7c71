"""One dashboard with the demo servers and one Chromium for all tests; a fresh window for each."""

import pytest

from tests.browser.bare import Bare
from tests.support import browsing
from tests.support.dashboard import dashboard


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A dashboard with no server configured: it shows its demo servers."""
    with dashboard(tmp_path_factory.mktemp("demo")) as started:
        yield started


@pytest.fixture(scope="session")
def browser():
    with browsing.chromium() as started:
        yield started


@pytest.fixture
def page(browser):
    """A window of 1440 × 900; the test fails when it left this machine or complained."""
    with browsing.window(browser) as page:
        yield page


@pytest.fixture
def draws(page, demo):
    """Draw something with one of our scripts on a bare page, and give the page."""
    return Bare(page, demo.url)
