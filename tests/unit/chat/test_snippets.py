"""A snippet does what the page did, and holds no key."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lib.chat.sdk import openai_sdk
from lib.chat.snippets import Sent, as_json, curl, curl_of, python, python_of

PATH = "/v1/chat/completions"
HOSTILE = "it's \"$(touch /tmp/x)\" `id` $VLLM_API_KEY \\ \n'EOF' BODY\nBODY\n你好 🎉"
BODY = {"model": "m", "messages": [{"role": "user", "content": HOSTILE}], "seed": None, "x": True}


class Heard(BaseHTTPRequestHandler):
    """Keeps what it was sent and answers like a model."""

    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_json = self.headers.get("Content-Type") == "application/json"
        self.answer(json.loads(raw) if is_json else raw)

    def answer(self, sent):
        self.server.heard.append((self.path, self.headers.get("Authorization"), sent))
        streamed = isinstance(sent, dict) and sent.get("stream")
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


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_a_body_sends_none(server, method):
    sent = Sent(url(server), "/version?a=b", None, has_key=True, method=method)
    then = ["print(answer.status_code)"]
    assert run([sys.executable, "-"], input=python_of(sent, then)) == "200\n"
    assert "chatted" in run(["bash"], input=curl_of(sent))
    assert server.heard == [("/version?a=b", "Bearer sk-1", b"" if method == "POST" else None)] * 2


@pytest.mark.parametrize("name", ["it's a sound.wav", 'a;type=x, "b\\".wav'])
def test_a_form_goes_out_with_its_file(server, tmp_path, name):
    sound = tmp_path / name
    sound.write_bytes(b"RIFF0123WAVE")
    body = {"model": "m", "temperature": 0, "language": "@en;type=x"}
    sent = Sent(url(server), "/v1/audio/transcriptions", body, False, upload=("file", str(sound)))
    run(["bash"], input=curl_of(sent))
    run([sys.executable, "-W", "ignore", "-"], input=python_of(sent, ["print(answer.text)"]))
    for _, _, raw in server.heard:
        assert b"RIFF0123WAVE" in raw
        assert b'name="language"\r\n\r\n@en;type=x\r\n' in raw
        assert b'name="temperature"\r\n\r\n0\r\n' in raw
    assert len(server.heard) == 2


def test_the_sdk_is_told_its_own_fields_and_the_rest_apart():
    body = {"model": "m", "messages": [], "top_k": 3, "max_tokens": 5}
    script = openai_sdk(Sent("http://h:1", PATH, body, has_key=True))
    compile(script, "snippet", "exec")
    assert "client.chat.completions.create(" in script
    assert "extra_body={'top_k': 3}," in script
    assert "    max_tokens=5," in script
    assert "api_key=os.environ['VLLM_API_KEY']" in script
    assert "base_url='http://h:1/v1'" in script


@pytest.mark.parametrize(("form", "printed"), [("text", "answer"), ("json", "answer.model_dump")])
def test_the_sdk_gives_a_text_where_one_is_asked_for(form, printed):
    body = {"model": "m", "response_format": form}
    sent = Sent("http://h:1", "/v1/audio/transcriptions", body, False, upload=("file", "a.wav"))
    assert f"print({printed}" in openai_sdk(sent)
    assert ("model_dump" in openai_sdk(sent)) == (form == "json")


def test_the_sdk_has_no_call_for_the_routes_that_are_vllms_own():
    assert openai_sdk(Sent("http://h:1", "/tokenize", {}, has_key=False)) == ""
    listed = openai_sdk(Sent("http://h:1", "/v1/models", None, has_key=False, method="GET"))
    assert "client.models.list()" in listed
    assert "import os" not in listed
