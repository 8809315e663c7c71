"""Command: from chosen options to looks, what is printed and written of them, and the exit code.

A key travels from the environment into the client and is in nothing that this module prints.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lib.api import AsyncVllmClient
from lib.health.judging import Judgement, Limits
from lib.health.probe import Probe, Wish, look_once, watch
from lib.health.report import as_json, as_text
from lib.health.terminal import Live
from lib.health.textfile import write_metrics
from lib.servers import SettingsError, normal_url

__all__ = ["WrongUsageError", "run"]


class WrongUsageError(Exception):
    """The options can't be meant; the text says why."""


def run(chosen: argparse.Namespace, key: str, begun: float) -> int:
    """Look as chosen, and give the exit code.

    Args:
        chosen: the options, as `python -m lib.health` names them.
        key: the API key, or "".
        begun: when the command began, by the monotonic clock.

    Raises:
        WrongUsageError: an address, key or file is unfit.
    """
    folder = chosen.prometheus.parent if chosen.prometheus else None
    if folder and not folder.is_dir():
        raise WrongUsageError(f"{folder} is no folder to write to")
    if chosen.authority and not Path(chosen.authority).is_file():
        raise WrongUsageError(f"{chosen.authority} is no file")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter shows another
    probes = _probes(chosen, key)
    if chosen.watch:
        return _watch(probes, chosen)
    judgements = asyncio.run(look_once(probes, begun + chosen.timeout))
    _print(judgements, chosen)
    _write(judgements, chosen)
    return int(not all(one.healthy for one in judgements))


def _probes(chosen: argparse.Namespace, key: str) -> tuple[Probe, ...]:
    limits = Limits(
        latency=chosen.latency,
        free_blocks=chosen.free_blocks / 100 or None,
        waiting=chosen.waiting,
        age=chosen.age,
    )
    wish = Wish(limits, chosen.progress or None, chosen.inference, chosen.model)
    verify: bool | str = chosen.authority or not chosen.insecure
    try:
        return tuple(
            Probe(AsyncVllmClient(url, key or None, timeout=chosen.timeout, verify=verify), wish)
            for url in dict.fromkeys(normal_url(url) for url in chosen.urls)
        )
    except (SettingsError, OSError) as error:
        raise WrongUsageError(str(error)) from None


def _watch(probes: Sequence[Probe], chosen: argparse.Namespace) -> int:
    """Look until interrupted; the exit code is that of the newest looks."""
    live = Live(sys.stdout)

    def tell(judgement: Judgement) -> None:
        if chosen.quiet or chosen.json:
            live.keep(judgement)
            _print([judgement], chosen)
        else:
            live.tell(judgement)
        _write(live.newest, chosen)

    with suppress(KeyboardInterrupt):
        asyncio.run(watch(probes, chosen.watch, chosen.timeout, tell))
    return int(not live.healthy)


def _print(judgements: Sequence[Judgement], chosen: argparse.Namespace) -> None:
    if chosen.json:
        indent = None if chosen.watch else 2
        sys.stdout.write(json.dumps(as_json(judgements), indent=indent) + "\n")
    elif not chosen.quiet:
        sys.stdout.write(as_text(judgements))
    sys.stdout.flush()


def _write(judgements: Sequence[Judgement], chosen: argparse.Namespace) -> None:
    if not chosen.prometheus:
        return
    try:
        write_metrics(chosen.prometheus, judgements)
    except OSError as error:
        raise WrongUsageError(f"{chosen.prometheus} can't be written: {error.strerror}") from None
