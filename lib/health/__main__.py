"""`python -m lib.health URL…`: say whether servers are fit to serve.

Exit code 0 where all are healthy, 1 where one is not, 2 for wrong usage.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print, and give the exit code."""
    begun = time.monotonic()
    parser = _parser()
    chosen = parser.parse_args(arguments)
    key = os.environ.get(chosen.key_env, "") if chosen.key_env else ""
    if chosen.key_env and not key:
        parser.error(f"the environment variable {chosen.key_env} is not set")
    if chosen.progress >= chosen.timeout:
        parser.error("--progress must be shorter than --timeout")
    # httpx has a command of its own, and loads a library for its colours where there is one: 50 ms
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not there
    # Loading these takes as long as a look: the time limit counts it, and wrong usage needs none.
    from lib.health.command import WrongUsageError, run  # noqa: PLC0415

    try:
        return run(chosen, key, begun)
    except WrongUsageError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:  # whoever reads has seen enough; nothing may be flushed at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.health",
        description="Say whether model servers are fit to serve. "
        "Exit code 0: all are healthy, 1: one is not, 2: wrong usage.",
    )
    add = parser.add_argument
    add("urls", metavar="URL", nargs="+", help="addresses, like http://10.0.0.5:8000")
    seconds, optional = _number(0, 86_400), _number(0, 86_400, least_too=True)
    add("--timeout", type=seconds, default=10.0, metavar="S", help="for all of it (default 10)")
    add("--key-env", metavar="NAME", help="the environment variable that holds the API key")
    add("--authority", metavar="FILE", help="trust the certificates of this file")
    add("--insecure", action="store_true", help="trust any certificate")
    add("--inference", action="store_true", help="ask a model for one token (costs GPU time)")
    add("--model", metavar="NAME", help="which model to ask (default: the first listed)")

    limits = parser.add_argument_group("limits")
    add = limits.add_argument
    add("--latency", type=seconds, metavar="S", help="each check takes at most so long")
    add(
        "--free-blocks",
        type=_number(0, 100, least_too=True),
        default=5.0,
        metavar="PERCENT",
        help="so much of the KV cache is free (default 5; 0: any)",
    )
    add("--waiting", type=_number(0, 1e9, least_too=True), metavar="N", help="at most so many wait")
    add("--age", type=optional, metavar="S", help="it has run for at least so long")
    add(
        "--progress",
        type=optional,
        default=0.0,
        metavar="S",
        help="where requests run or wait, its counters move within so long (default: not asked; "
        "a long prompt may take a step of many seconds)",
    )

    output = parser.add_argument_group("output")
    way = output.add_mutually_exclusive_group()
    way.add_argument("--json", action="store_true", help="print JSON")
    way.add_argument("--quiet", action="store_true", help="print nothing")
    output.add_argument(
        "--watch",
        type=_number(0, 3600),
        nargs="?",
        const=2.0,
        metavar="S",
        help="look again every so many seconds (default 2), one live line for each server",
    )
    output.add_argument(
        "--prometheus", type=Path, metavar="FILE", help="write this file for node_exporter"
    )
    return parser


def _number(least: float, most: float, *, least_too: bool = False) -> Callable[[str], float]:
    """Reads a number between two bounds."""

    def read(text: str) -> float:
        number = float(text)
        if not (least < number <= most or (least_too and number == least)):
            raise argparse.ArgumentTypeError(f"from {least:g} to {most:g}, not {text}")
        return number

    read.__name__ = "number"
    return read


if __name__ == "__main__":
    sys.exit(main())
