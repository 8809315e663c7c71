"""One of our own scripts on a page with nothing else: what arrives, and when, is the test's choice.

A bare page of the dashboard: same origin, same policy, same styles.
"""

import json

from playwright.sync_api import Page

from lib.ui.wire import asset_url

__all__ = ["Bare"]

_CLEAR = """async (href) => {
    document.body.replaceChildren();
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    const loaded = new Promise((done) => { link.onload = done; });
    document.head.append(link);
    await loaded;
}"""
_DRAW = """async (given) => {
    const beside = (name) => import(new URL(name, location.href));
    const [module, { arrived }] = await Promise.all([beside("%s"), beside("sheet.js")]);
    await arrived();
    const data = JSON.parse(given, (_, value) => (value === "NaN" ? NaN : value));
    const root = document.createElement("div");
    root.className = "vi";
    root.style.cssText = "width: 900px; margin: 20px; --st-text-color: #1b1f24; "
        + "--st-background-color: #fbfbfa; --st-primary-color: #3557d6; --vi-s1: #c46a12";
    document.body.replaceChildren(root);
    window.told = [];
    %s;
}"""


class Bare:
    """Draws something with one of our scripts."""

    def __init__(self, page: Page, url: str) -> None:
        page.goto(f"{url}/{asset_url('live.css')}")
        page.evaluate(_CLEAR, page.url)
        self._page = page

    def __call__(self, script: str, how: str, data: object) -> Page:
        """Draw `data` as the statement `how` says, which has `module`, `data` and `root`."""
        self._page.evaluate(_DRAW % (script, how), json.dumps(data).replace("NaN", '"NaN"'))
        return self._page
