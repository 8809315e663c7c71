"""Where the system's Chromium is. As a command: prints its path, or says what to install."""

import os
import shutil
import sys
from pathlib import Path

__all__ = ["ARGUMENTS", "find_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
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


def main() -> int:
    path = find_chromium()
    if path is None:
        print(
            "The browser tests need Chromium, and none was found (CHROMIUM=/path/to/it names it).\n"
            "Debian: sudo apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji\n"
            "macOS: brew install --cask chromium, or install Google Chrome",
            file=sys.stderr,
        )
        return 1
    print(f"Chromium: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
