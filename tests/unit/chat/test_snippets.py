"""A snippet does what the page did, and holds no key."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lib.chat.snippets import as_json, curl, python

PATH = "/v1/chat/completions"
HOSTILE = "it's \"$(touch /tmp/x)\" `id` $VLLM_API_KEY \\ \n'EOF' BODY\nBODY\n你好 🎉"
BODY = {"model": "m", "messages": [{"role": "user", "content": HOSTILE}], "seed": None, "x": True}


class Heard(BaseHTTPRequestHandler):
    """Keeps what it was sent and answers like a model."""

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        sent = json.loads(self.rfile.read(length))
        self.server.heard.append((self.path, self.headers.get("Authorization"), sent))
        streamed = sent.get("stream")
        message = {"choices": [{"message": {"content": "chatted"}, "text": "completed"}]}
        told = b"data: one\n\ndata: [DONE]\n\n" if streamed else json.dumps(message).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    found = HTTPServer(("127.0.0.1", 0), Heard)
    found.heard = []
    threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def run(command, **options):
    env = {**os.environ, "VLLM_API_KEY": "sk-1"}
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=60, check=True, **options
    ).stdout


def url(server):
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("long", [False, True])
def test_the_command_sends_the_body_and_the_key_of_the_variable(server, long):
    body = {**BODY, "more": "x" * 150_000} if long else BODY
    command = curl(url(server), PATH, body, has_key=True)
    assert "sk-1" not in command
    assert "chatted" in run(["bash"], input=command)
    assert server.heard == [(PATH, "Bearer sk-1", body)]


def test_the_script_sends_the_body_and_prints_the_text(server):
    script = python(url(server), PATH, BODY, has_key=True)
    assert "sk-1" not in script
    assert run([sys.executable, "-"], input=script) == "chatted\n"
    assert server.heard == [(PATH, "Bearer sk-1", BODY)]


def test_without_a_key_none_is_named(server):
    body = {"model": "m", "prompt": "x"}
    script = python(url(server), "/v1/completions", body, has_key=False)
    assert "KEY" not in script + curl(url(server), PATH, body, has_key=False)
    assert run([sys.executable, "-"], input=script) == "completed\n"
    assert server.heard[0][1] is None


def test_a_stream_is_shown_line_by_line(server):
    body = {**BODY, "stream": True}
    script = python(url(server), PATH, body, has_key=False)
    assert "data: [DONE]" in run([sys.executable, "-"], input=script)
    assert curl(url(server), PATH, body, has_key=False).startswith("curl -sN ")


def test_other_lines_may_follow(server):
    script = python(url(server), PATH, BODY, has_key=False, then=["print(answer.status_code)"])
    assert run([sys.executable, "-"], input=script) == "200\n"


def test_json_is_the_body_to_be_read():
    assert json.loads(as_json(BODY)) == BODY
    assert "你好" in as_json(BODY)
