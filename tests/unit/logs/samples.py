"""Logs of releases that nobody runs here, in the words that they print, and what carries a log."""

import json
from pathlib import Path

__all__ = ["CARRIED", "FAILED", "NOW", "PLAIN", "SMALL", "TUTORIAL", "V0_5", "V0_7", "V0_10"]

_HERE = Path(__file__).parent
_RECORDED = _HERE.parents[1] / "recordings"
NOW = (_RECORDED / "startup_log.txt").read_bytes()
SMALL = (_RECORDED / "startup_log_small_cache.txt").read_bytes()

TUTORIAL = (_HERE / "tutorial.txt").read_bytes()
"""The lines that the tutorial on start-up logs shows."""
V0_5 = (_HERE / "v0_5.txt").read_bytes()
V0_7 = (_HERE / "v0_7.txt").read_bytes()
V0_10 = (_HERE / "v0_10.txt").read_bytes()
FAILED = (_HERE / "v0_10_failed.txt").read_bytes()
"""A start without room for one request."""

PLAIN = (
    "(APIServer pid=7) INFO 11-22 11:59:25 [api_server.py:1] vLLM API server version 0.11.0",
    "(APIServer pid=7) INFO 11-22 11:59:26 [utils.py:1] non-default args: {'port': 8005}",
    (
        "(APIServer pid=7) INFO 11-22 11:59:27 [api_server.py:2] Starting vLLM API server 0 on"
        " http://0.0.0.0:8005"
    ),
    "(APIServer pid=7) INFO:     Application startup complete.",
)
_UTC = "2026-11-22T11:59:{:02}.123456789Z"


def _journal(line: str, number: int) -> str:
    stamp = f"{1_795_348_765_000_000 + number * 1_000_000}"
    return json.dumps({"MESSAGE": line, "__REALTIME_TIMESTAMP": stamp, "_PID": "7"})


def _record(line: str, number: int) -> str:
    told = line.partition("] ")[2] or line.partition("INFO:     ")[2]
    return json.dumps(
        {
            "asctime": f"2026-11-22 11:59:{25 + number},123",
            "levelname": "INFO",
            "name": "vllm.entrypoints",
            "processName": "APIServer",
            "process": 7,
            "message": told,
        }
    )


CARRIED = {
    "nothing": lambda line, n: line,
    "colours": lambda line, n: f"\x1b[0;36m{line[:16]}\x1b[0;0m{line[16:]}\x1b[0m",
    "Windows": lambda line, n: line + "\r",
    "journalctl": lambda line, n: f"Nov 22 11:59:{25 + n} gpu-1 vllm[7]: {line}",
    "journalctl, short-iso": lambda line, n: (
        f"2026-11-22T11:59:{25 + n}+0100 gpu-1 vllm[7]: {line}"
    ),
    "journalctl, JSON": _journal,
    "Docker, its file": lambda line, n: json.dumps(
        {"log": line + "\n", "stream": "stderr", "time": _UTC.format(25 + n)}
    ),
    "Docker, its file, sent on without the ends of its lines": lambda line, n: json.dumps(
        {"log": line, "stream": "stdout"}
    ),
    "Docker, with times": lambda line, n: f"{_UTC.format(25 + n)} {line}",
    "Compose": lambda line, n: f"vllm-1  | {line}",
    "Compose, with times": lambda line, n: f"vllm-1  | {_UTC.format(25 + n)} {line}",
    "Kubernetes, a node's file": lambda line, n: f"{_UTC.format(25 + n)} stderr F {line}",
    "kubectl --prefix": lambda line, n: f"[pod/chat-6f7/vllm] {line}",
    "kubectl --prefix --timestamps": lambda line, n: (
        f"[pod/chat-6f7/vllm] {_UTC.format(25 + n)} {line}"
    ),
    "JSON of 0.32": _record,
    "JSON of 0.32 in Docker": lambda line, n: json.dumps({"log": _record(line, n) + "\n"}),
}
"""How each carrier writes a line of a log."""
