import json
import re
import shlex
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.health.__main__ import _parser
from lib.health.recipes import recipes

URL = "http://10.0.0.5:8000"
BASE = "https://gate.example/team-a/chat"
KUBERNETES = ("Kubernetes: startup", "Kubernetes: liveness", "Kubernetes: readiness")
PRINTABLE = st.text().filter(str.isprintable)
URLS = st.from_regex(r"https?://[a-z0-9.-]{1,20}(:[1-9][0-9]{0,3})?(/[!-~]{0,20})?", fullmatch=True)


def by_title(*arguments, **options):
    return {one.title: one for one in recipes(*arguments, **options)}


def value(text, name):
    """The one value of that name in a text of YAML, unquoted."""
    (found,) = re.findall(rf"^ *{name}: (.*)$", text, re.MULTILINE)
    return json.loads(found) if found.startswith('"') else found


def shell_words(one):
    """The words of the probe's command, as a shell reads them."""
    (line,) = [line for line in one.text.splitlines() if "lib.health" in line]
    return shlex.split(line)


def cron_words(one):
    """The same as cron reads them: the five times go, and a % is an end unless escaped."""
    line = one.text.rstrip("\n")
    assert "\n" not in line
    assert not re.search(r"(?<!\\)%", line)
    return shlex.split(line.removeprefix("* * * * * ").replace(r"\%", "%"))


def unit_words(one):
    """The same as systemd reads them: quotes, then doubled % and $."""
    (line,) = re.findall(r"^ExecStart=(.*)$", one.text, re.MULTILINE)
    words = re.findall(r'"(?:[^"\\]|\\.)*"|[^ "]+', line)
    assert " ".join(words) == line
    plain = [
        re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word for word in words
    ]
    assert all(not re.search(r"(?<!%)%(%%)*(?!%)", word) for word in plain)
    return [word.replace("%%", "%").replace("$$", "$") for word in plain]


def test_each_has_a_title_of_its_own_a_language_and_a_reason():
    found = recipes(URL)
    assert len({one.title for one in found}) == len(found) == 10
    assert {one.language for one in found} == {"yaml", "dockerfile", "sh", "ini", "crontab"}
    assert all(one.why.endswith(".") and one.text.endswith("\n") for one in found)
    assert all(len(line) < 200 for one in found for line in one.text.splitlines())


def test_liveness_does_no_inference_and_says_why():
    liveness = by_title(URL, model="m")["Kubernetes: liveness"]
    assert "Liveness must not do inference" in liveness.why
    assert value(liveness.text, "path") == "/health"
    with_token = [one.title for one in recipes(URL) if "--inference" in one.text]
    assert with_token == ["This probe, with a token"]


@pytest.mark.parametrize("title", KUBERNETES)
@pytest.mark.parametrize(
    ("url", "path", "port", "scheme"),
    [
        (URL, "/health", "8000", "HTTP"),
        ("http://h", "/health", "80", "HTTP"),
        (BASE, "/team-a/chat/health", "443", "HTTPS"),
        ("https://[::1]:8443", "/health", "8443", "HTTPS"),
    ],
)
def test_kubernetes_asks_the_port_path_and_scheme_of_the_address(title, url, path, port, scheme):
    text = by_title(url)[title].text
    assert (value(text, "path"), value(text, "port"), value(text, "scheme")) == (path, port, scheme)


def test_a_start_may_take_half_an_hour_and_a_busy_server_is_not_killed_at_once():
    def patience(name):
        text = by_title(URL)[name].text
        return int(value(text, "periodSeconds")) * int(value(text, "failureThreshold"))

    assert patience("Kubernetes: startup") >= 1800
    assert patience("Kubernetes: liveness") >= 120
    assert patience("Kubernetes: readiness") <= 15


def test_docker_asks_its_own_port_whatever_the_host_is_called():
    for url, target, unchecked in (
        (URL, "http://127.0.0.1:8000/health", False),
        (BASE, "https://127.0.0.1:443/team-a/chat/health", True),
    ):
        text = by_title(url)["Docker"].text
        words = json.loads(text.partition("CMD ")[2])
        assert words[-1] == target
        assert ("--insecure" in words) is unchecked


def test_prometheus_is_told_both_addresses():
    text = by_title(BASE)["Prometheus: scrape configuration"].text
    targets = [json.loads(found) for found in re.findall(r"targets: (.*)", text)]
    assert targets == [[f"{BASE}/health"], [f"{BASE}/v1/models"]]


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
@pytest.mark.parametrize("url", [URL, BASE, "http://h/a'b%20c$d&e"])
def test_promtool_takes_the_scrape_configuration(url, tmp_path):
    file = tmp_path / "prometheus.yml"
    file.write_text(by_title(url)["Prometheus: scrape configuration"].text)
    checked = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_key_is_named_and_never_written():
    without, with_key = by_title(URL), by_title(URL, has_key=True)
    changed = {title for title, one in with_key.items() if one != without[title]}
    assert changed == {
        "This probe, by hand",
        "This probe, with a token",
        "systemd",
        "cron, for Prometheus",
        "Prometheus: blackbox_exporter",
    }
    assert "--key-env VLLM_API_KEY" in with_key["This probe, by hand"].text
    assert "EnvironmentFile=/etc/vllm-inspector.env\n" in with_key["systemd"].text
    assert "credentials_file: /etc/prometheus/vllm-key\n" in (
        with_key["Prometheus: blackbox_exporter"].text
    )
    assert not any("VLLM_API_KEY=" in one.text for one in with_key.values())


def test_every_command_is_one_that_the_probe_understands():
    found = by_title(BASE, model="org/model", has_key=True)
    commands = [
        shell_words(found["This probe, by hand"]),
        shell_words(found["This probe, with a token"]),
        unit_words(found["systemd"]),
        cron_words(found["cron, for Prometheus"]),
    ]
    for words in commands:
        options = words[words.index("lib.health") + 1 :]
        chosen = _parser().parse_args(options)
        assert chosen.urls == [BASE]
        assert chosen.key_env == "VLLM_API_KEY"
        assert chosen.progress < chosen.timeout
    assert _parser().parse_args(commands[1][3:]).model == "org/model"


@given(URLS, st.booleans())
def test_any_address_comes_back_from_every_quoting(url, has_key):
    found = by_title(url, has_key=has_key)
    assert url in shell_words(found["This probe, by hand"])
    assert url in cron_words(found["cron, for Prometheus"])
    assert url in unit_words(found["systemd"])
    path = value(found["Kubernetes: liveness"].text, "path")
    assert path.endswith("/health")
    assert not path.endswith("//health")
    targets = re.findall(r"targets: (.*)", found["Prometheus: scrape configuration"].text)
    assert json.loads(targets[0]) == [f"{url}/health"]
    assert json.loads(found["Docker"].text.partition("CMD ")[2])[-1].endswith(path)


@given(PRINTABLE)
def test_any_name_of_a_model_comes_back_from_a_shell(model):
    words = shell_words(by_title(URL, model=model)["This probe, with a token"])
    named = [word.removeprefix("--model=") for word in words if word.startswith("--model=")]
    assert named == ([model] if model else [])


@pytest.mark.parametrize("model", ["a\nb", "a\x00b", "a\u202eb", "a" * 301, "", None])
def test_a_name_that_nobody_can_type_is_left_out(model):
    assert "--model" not in by_title(URL, model=model)["This probe, with a token"].text


@pytest.mark.parametrize("url", ["http://h/a b", "http://h/\n", "http://h/\u2028"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="address"):
        recipes(url)
