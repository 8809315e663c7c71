"""`python -m lib.api URL`: say what a server is, what it offers, and why the rest is absent.

Exit code 0; 1 where the server cannot be asked; 2 for wrong usage.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

from lib.api.client import VllmClient
from lib.api.errors import Refused
from lib.api.report import Found, as_json, as_text
from lib.servers import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, print, and give the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    key = os.environ.get(chosen.key_env, "") if chosen.key_env else ""
    if chosen.key_env and not key:
        parser.error(f"the environment variable {chosen.key_env} is not set")
    verify: bool | str = chosen.authority or not chosen.insecure
    try:
        client = VllmClient(chosen.url, key or None, timeout=chosen.timeout, verify=verify)
    except (SettingsError, OSError) as error:
        parser.error(str(error))
    with client:
        try:
            found = _look(client)
        except Refused as refused:
            detail = f"\n({refused.detail})" if refused.detail else ""
            print(f"{refused.sentence}{detail}", file=sys.stderr)
            return 1
    print(json.dumps(as_json(found), indent=2) if chosen.json else as_text(found), end="")
    return 0


def _look(client: VllmClient) -> Found:
    known = client.capabilities()
    begun, trouble = time.perf_counter(), ""
    try:
        client.health()
    except Refused as refused:
        trouble = refused.sentence
    seconds = time.perf_counter() - begun
    size: int | None
    try:
        size = len(client.metrics())
    except Refused:
        size = None
    return Found(client.url, seconds, trouble, size, known)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.api", description="Say what a model server is and what it offers."
    )
    parser.add_argument("url", metavar="URL", help="its address, like http://10.0.0.5:8000")
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable that holds its API key"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="seconds a call (default 10)"
    )
    parser.add_argument("--authority", metavar="FILE", help="trust the certificates of this file")
    parser.add_argument("--insecure", action="store_true", help="trust any certificate")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError("from 0 to 600 seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
