"""Where the system's Chromium is, and how it is started for tests."""

import os
import shutil
from pathlib import Path

__all__ = ["ARGUMENTS", "find_chromium"]

NAMES = (
    "chromium-headless-shell",  # the same engine without the windows that nobody sees
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# No sandbox because containers run tests as root; the rest keeps the browser from calling home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome: $CHROMIUM, the search path, or the usual places of macOS."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    found = (shutil.which(name) for name in NAMES)
    places = (place for place in MACOS if Path(place).exists())
    return next((path for path in (*found, *places) if path), None)
