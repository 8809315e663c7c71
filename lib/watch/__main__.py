"""`python -m lib.watch`: watch the configured servers day and night, and keep what they say.

It prints one line when it begins and plain sentences for trouble. Exit codes: 0 ended on request,
1 with `--once` when a server gave no sample, 2 the settings can't be used, 3 another watcher
already holds the data folder.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lib.api import AsyncVllmClient
from lib.servers import AddressPolicy, Server, SettingsError, configured, data_folder, setting
from lib.watch.checker import Looker, Looking
from lib.watch.lag import Lag
from lib.watch.places import AlreadyWatchedError, Lock, PlaceError, socket_path
from lib.watch.poller import Poller
from lib.watch.record import Tick
from lib.watch.store import Event, Keep
from lib.watch.supervisor import ALREADY_WATCHED, BAD_SETTINGS
from lib.watch.watcher import Parts, Watcher
from lib.watch.writer import Writer

SECRETS = Path(".streamlit/secrets.toml")
ORPHAN_PATIENCE_SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch until told to end; returns the exit code."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for name in ("httpx", "httpcore"):  # their lines hold whole addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return asyncio.run(_once() if options.once else _watch(is_child=options.child))
    except (SettingsError, PlaceError) as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    except AlreadyWatchedError as error:
        print(f"Another watcher already holds {error}; this one ends.", file=sys.stderr)
        return ALREADY_WATCHED


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lib.watch", description=__doc__.split("\n")[0])
    parser.add_argument("--once", action="store_true", help="ask each server once, print, end")
    parser.add_argument("--child", action="store_true", help="end when standard input ends")
    return parser.parse_args(arguments)


async def _watch(*, is_child: bool) -> int:
    data = data_folder(os.environ)
    period = setting(os.environ, "INSPECTOR_PERIOD")
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        _loop().add_signal_handler(number, ending.set)
    if is_child:
        threading.Thread(target=_end_with_parent, args=(ending, _loop()), daemon=True).start()
    with Lock(data):
        writer = Writer(data, keep=_keep())
        parts = Parts(_servers, _connect, _examine, writer)
        watcher = Watcher(data, socket_path(data), parts, period=period)
        print(*greeting(_servers(), period, data), sep="\n", flush=True)
        writer.start()
        try:
            await watcher.run(ending)
        finally:
            writer.stop()
    return 0


def greeting(servers: Sequence[Server], period: float, data: Path) -> list[str]:
    """What is said at the start: what is watched, and which key anybody on the way can read."""
    what = "1 server" if len(servers) == 1 else f"{len(servers)} servers"
    return [
        f"Watching {what} every {period:g} s; the history is in {data}.",
        *(
            f"The key of {server.name} crosses the network unencrypted; give it an https address."
            for server in servers
            if server.key_in_clear
        ),
    ]


async def _once() -> int:
    period = setting(os.environ, "INSPECTOR_PERIOD")
    slots = asyncio.Semaphore(64)
    ticks: list[Tick] = []

    def tell(tick: Tick, _: list[Event]) -> None:
        ticks.append(tick)
        words = "" if tick.sample is None else f" {len(tick.sample.values)} series,"
        print(
            f"{tick.server}: {tick.status.state.value},{words} {tick.took * 1000:.0f} ms. ", end=""
        )
        print(tick.status.reason, flush=True)

    pollers = [
        Poller(server.id, _connect(server), period=period, slots=slots, lag=Lag(), tell=tell)
        for server in _servers()
    ]
    await asyncio.gather(*(poller.once() for poller in pollers))
    return int(any(tick.sample is None for tick in ticks))


def _servers() -> tuple[Server, ...]:
    return configured(os.environ, SECRETS)


def _connect(server: Server) -> AsyncVllmClient:
    policy = AddressPolicy.of(server, setting(os.environ, "INSPECTOR_ALLOW_HOSTS"))
    return AsyncVllmClient.of(server, policy)


def _examine(server: Server) -> Looker:
    return Looking(_connect(server))


def _keep() -> Keep:
    return Keep(
        chunk_days=setting(os.environ, "INSPECTOR_KEEP_DAYS"),
        file_bytes=setting(os.environ, "INSPECTOR_KEEP_GB") * 1e9,
    )


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _end_with_parent(ending: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Wait for the end of standard input, whose other end only the parent holds."""
    while os.read(0, 1024):
        pass
    loop.call_soon_threadsafe(ending.set)
    time.sleep(ORPHAN_PATIENCE_SECONDS)
    os._exit(1)  # a loop that does not end by then never will


if __name__ == "__main__":
    sys.exit(main())
