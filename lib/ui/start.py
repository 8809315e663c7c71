"""The dashboard's start and end: what must be true before it listens, what runs while it does.

Before: it may listen where it was told to. While: the demo servers (only where no server is
configured), the watcher, and the streams. Imports and the first page are paid for before the first
viewer comes.
"""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager

from lib.servers import SettingsError, configured
from lib.ui import guard, wire
from lib.ui.house import SECRETS, house

__all__ = ["lifespan", "prepare"]

DEMO_READY_SECONDS = 30.0
log = logging.getLogger(__name__)


def prepare() -> None:
    """Refuse to start where that would be unsafe or pointless: one sentence, and exit code 1."""
    address = config.get_option("server.address")
    sentence = guard.refusal(address)
    if sentence:
        sys.exit(sentence)
    guard.allow_hosts(address)
    try:
        configured(os.environ, SECRETS)
    except SettingsError as error:
        sys.exit(f"vLLM Inspector cannot start: {error}")


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Start what the pages read, and stop it at the end."""
    # Streamlit would run a cold deep link as a page of its own folder mode, without our frame.
    PagesManager.uses_pages_directory = False
    demo = None if configured(os.environ, SECRETS) else await asyncio.to_thread(_start_demo)
    home = house()
    hub, feed = home.hub, home.feed
    hub.start()
    unlisten = feed.listen(hub.ticked)
    warm = asyncio.create_task(asyncio.to_thread(_warm_up))
    if line := _where():
        print(line, flush=True)  # noqa: T201 - for the person at the terminal, not for a log
    try:
        yield
    finally:
        unlisten()
        warm.cancel()
        await hub.stop()
        await asyncio.to_thread(home.close)
        if demo:
            await asyncio.to_thread(_stop, demo)


def _where() -> str:
    """Where the dashboard is found; "" where another server than Streamlit's own says so itself."""
    if config._server_mode != "starlette-app":  # noqa: SLF001 - Streamlit tells it nowhere else
        return ""
    host = config.get_option("server.address") or "localhost"
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    where = f"[{host}]" if ":" in host else host
    return f"vLLM Inspector: http://{where}:{config.get_option('server.port')}/{base}".rstrip("/")


def _start_demo() -> "subprocess.Popen[str] | None":
    """Start the built-in servers; they end with us, since they wait on our end of a pipe."""
    command = [sys.executable, "-m", "lib.demo", "--child"]
    demo = subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    patience = threading.Timer(DEMO_READY_SECONDS, demo.kill)
    patience.start()
    line = demo.stdout.readline().strip() if demo.stdout else ""
    patience.cancel()
    if not line:
        log.warning("The demo servers did not start; the dashboard shows no servers.")
        _stop(demo)
        return None
    os.environ["INSPECTOR_DEMO_SERVERS"] = line
    return demo


def _stop(demo: "subprocess.Popen[str]") -> None:
    with suppress(OSError):
        demo.stdin.close()  # type: ignore[union-attr]  # it was opened as a pipe
    try:
        demo.wait(5)
    except subprocess.TimeoutExpired:
        demo.kill()
        demo.wait()
    if demo.stdout:
        demo.stdout.close()


def _warm_up() -> None:
    """Compress the scripts before the first browser asks for them."""
    for name in ("plotly.js", "live.js"):
        wire.asset_url(name)
