"""Recipes: how others may ask a server whether it is fit, filled in with its address. Pure.

This module alone decides what is recommended for real vLLM, and why; and how an address or the name
of a model is quoted in each language. A key is never in a recipe, only where to read it from.

What runs beside the server, Kubernetes and Docker, asks its own port there; the others ask the
address as it is configured here.
"""

import json
import shlex
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Recipe", "recipes"]

_FOLDER = "/opt/vllm-inspector"
_TEXTFILE = "/var/lib/prometheus/node-exporter/vllm.prom"
_LONGEST_NAME = 300
_KEY_NAME, _KEY_ENV, _KEY_FILE = (
    "VLLM_API_KEY",
    "/etc/vllm-inspector.env",
    "/etc/prometheus/vllm-key",
)


class Recipe(NamedTuple):
    """A text to copy: what it is for, the language it is in, and a sentence or two on why."""

    title: str
    language: str  # yaml, dockerfile, ini, sh or crontab
    text: str
    why: str


class _Address(NamedTuple):
    """The parts of a server's address."""

    url: str
    scheme: str
    port: int
    base: str  # "" or a path that begins with /


def recipes(url: str, *, model: str | None = None, has_key: bool = False) -> tuple[Recipe, ...]:
    """Every recipe for a server.

    Args:
        url: its address in its normal form.
        model: a model that it lists, to ask for a token; one that can't be typed is left out.
        has_key: whether it wants a key.

    Raises:
        ValueError: the address holds what no address may.
    """
    if not url.isprintable() or " " in url:
        raise ValueError("the address holds a blank or an invisible character")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _Address(url, parts.scheme, port, parts.path.rstrip("/"))
    typed = model if model and model.isprintable() and len(model) <= _LONGEST_NAME else None
    return (
        _startup(address),
        _liveness(address),
        _readiness(address),
        _docker(address),
        _command(address, has_key),
        _token(address, typed, has_key),
        _systemd(address, has_key),
        _cron(address, has_key),
        _blackbox(has_key),
        _scrape(address),
    )


# ── Beside the server ──


def _startup(address: _Address) -> Recipe:
    why = (
        "vLLM opens its port only when its model is loaded, which may take many minutes: until "
        "this probe passes, the others wait and kill nothing. 180 × 10 s are half an hour. Port "
        "and path are those of the address here: behind a gateway, put the server's own."
    )
    text = _kubernetes("startupProbe", address, period=10, timeout=5, failures=180)
    return Recipe("Kubernetes: startup", "yaml", text, why)


def _liveness(address: _Address) -> Recipe:
    why = (
        "/health fails once the server knows its engine to be dead. Liveness must not do "
        "inference: with a full queue a token takes longer than any probe waits, and to kill a "
        "server for being busy loses its requests, loads the others with more, and takes as long "
        "as a start. It is patient, because a busy server has taken 40 s to answer /health."
    )
    text = _kubernetes("livenessProbe", address, period=20, timeout=15, failures=6)
    return Recipe("Kubernetes: liveness", "yaml", text, why)


def _readiness(address: _Address) -> Recipe:
    why = (
        "A vLLM server that answers /health has its model loaded: /v1/models would tell no more, "
        "and may want a key. A server that fails it gets no requests and is not killed. A hang it "
        "does not see, for /health still passes then: have the probe below watch for progress."
    )
    text = _kubernetes("readinessProbe", address, period=5, timeout=5, failures=3)
    return Recipe("Kubernetes: readiness", "yaml", text, why)


def _kubernetes(name: str, address: _Address, *, period: int, timeout: int, failures: int) -> str:
    return _lines(
        f"{name}:",
        "  httpGet:",
        f"    path: {_quoted(f'{address.base}/health')}",
        f"    port: {address.port}",
        f"    scheme: {address.scheme.upper()}",
        f"  periodSeconds: {period}",
        f"  timeoutSeconds: {timeout}",
        f"  failureThreshold: {failures}",
    )


def _docker(address: _Address) -> Recipe:
    why = (
        "The same as liveness. Docker only marks a container, and starts none anew by itself; the "
        "start period covers the loading of the model."
    )
    command = ["curl", "--fail", "--silent", "--output", "/dev/null", "--noproxy", "*"]
    if address.scheme == "https":
        command.append("--insecure")
        why += " Inside the container the certificate names another host: it is not checked."
    command.append(f"{address.scheme}://127.0.0.1:{address.port}{address.base}/health")
    text = _lines(
        "HEALTHCHECK --start-period=30m --interval=20s --timeout=15s --retries=6 \\",
        f"  CMD {json.dumps(command, ensure_ascii=False)}",
    )
    return Recipe("Docker", "dockerfile", text, why)


# ── Our own probe ──


def _command(address: _Address, has_key: bool) -> Recipe:
    why = (
        "Exit code 0: healthy, 1: not. With --progress it reads the counters twice where requests "
        "run or wait, and so finds an engine that hangs while /health passes."
    )
    text = _shell([*_probe(address, has_key), "--progress", "20", "--timeout", "40"])
    return Recipe("This probe, by hand", "sh", _lines(f"cd {_FOLDER}", text), why)


def _token(address: _Address, model: str | None, has_key: bool) -> Recipe:
    why = (
        "One token proves the whole way. It costs GPU time and waits in the queue like any "
        "request: by hand, or every few minutes, and never as liveness."
    )
    chosen = [] if model is None else [f"--model={model}"]
    text = _shell([*_probe(address, has_key), "--inference", *chosen, "--timeout", "60"])
    return Recipe("This probe, with a token", "sh", _lines(f"cd {_FOLDER}", text), why)


def _systemd(address: _Address, has_key: bool) -> Recipe:
    why = (
        "It runs the probe every half minute beside whatever serves; a failed unit is seen by "
        "systemctl, by OnFailure= and by node_exporter."
    )
    if has_key:
        why += f" {_KEY_ENV} holds {_KEY_NAME}=…, readable by root alone."
    command = [f"{_FOLDER}/{_probe(address, has_key)[0]}", *_probe(address, has_key)[1:]]
    command += ["--progress", "20", "--timeout", "40", "--prometheus", _TEXTFILE]
    text = _lines(
        "# /etc/systemd/system/vllm-probe.service",
        "[Unit]",
        "Description=Whether vLLM is fit to serve",
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={_FOLDER}",
        *([f"EnvironmentFile={_KEY_ENV}"] if has_key else []),
        f"ExecStart={' '.join(_unit_word(word) for word in command)}",
        "",
        "# /etc/systemd/system/vllm-probe.timer",
        "[Timer]",
        "OnBootSec=1min",
        "OnUnitInactiveSec=30s",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )
    return Recipe("systemd", "ini", text, why)


def _cron(address: _Address, has_key: bool) -> Recipe:
    why = (
        "It leaves a file for the textfile collector of node_exporter: alert where "
        "vllm_inspector_probe_success is 0, or its timestamp is old."
    )
    command = _shell([*_probe(address, has_key), "--quiet", "--prometheus", _TEXTFILE])
    key = f"set -a; . {_KEY_ENV}; set +a; " if has_key else ""
    line = f"{key}cd {_FOLDER} && {command}"
    # cron ends a command at a % and takes what follows for its input
    text = _lines("* * * * * " + line.replace("%", r"\%"))
    return Recipe("cron, for Prometheus", "crontab", text, why)


def _probe(address: _Address, has_key: bool) -> list[str]:
    key = ["--key-env", _KEY_NAME] if has_key else []
    return [".venv/bin/python", "-m", "lib.health", address.url, *key]


# ── Prometheus ──


def _blackbox(has_key: bool) -> Recipe:
    why = (
        "Two modules: /health passes, and a model is listed. They see the server from where "
        "Prometheus stands, name service and certificate included, but no hang."
    )
    key = ["      authorization:", f"        credentials_file: {_KEY_FILE}"] if has_key else []
    text = _lines(
        "modules:",
        "  vllm_health:",
        "    prober: http",
        "    timeout: 10s",
        "    http:",
        "      follow_redirects: false",
        "      valid_status_codes: [200]",
        "  vllm_models:",
        "    prober: http",
        "    timeout: 10s",
        "    http:",
        "      follow_redirects: false",
        *key,
        """      fail_if_body_not_matches_regexp: ['"id" *:']""",
    )
    return Recipe("Prometheus: blackbox_exporter", "yaml", text, why)


def _scrape(address: _Address) -> Recipe:
    why = "One job a module; 127.0.0.1:9115 is where blackbox_exporter listens."
    jobs = (("vllm_health", "/health"), ("vllm_models", "/v1/models"))
    lines = [line for module, path in jobs for line in _job(module, f"{address.url}{path}")]
    return Recipe(
        "Prometheus: scrape configuration", "yaml", _lines("scrape_configs:", *lines), why
    )


def _job(module: str, target: str) -> Sequence[str]:
    return (
        f"  - job_name: {module}",
        "    metrics_path: /probe",
        "    params:",
        f"      module: [{module}]",
        "    static_configs:",
        f"      - targets: [{_quoted(target)}]",
        "    relabel_configs:",
        "      - source_labels: [__address__]",
        "        target_label: __param_target",
        "      - source_labels: [__param_target]",
        "        target_label: instance",
        "      - target_label: __address__",
        '        replacement: "127.0.0.1:9115"',
    )


# ── Quoting ──


def _quoted(text: str) -> str:
    """For YAML: its double-quoted form reads as JSON does, where every character is printable."""
    return json.dumps(text, ensure_ascii=False)


def _shell(words: Sequence[str]) -> str:
    return shlex.join(words)


def _unit_word(word: str) -> str:
    """For a command of systemd, where % names a part of the unit and $ a variable."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if all(char.isalnum() or char in "/.:_-%" for char in plain):
        return plain
    escaped = plain.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
