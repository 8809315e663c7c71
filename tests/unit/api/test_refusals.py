import json
from pathlib import Path

import pytest

from lib.api import Answer, Reason, Refused, Route, calls
from lib.api.answers import Raw
from lib.api.refusals import answered
from lib.api.target import Target
from lib.servers import Secret

RECORDINGS = Path(__file__).parents[2] / "recordings"
PLAIN = Target("http://h:8000")
KEYED = Target("http://h:8000", Secret("sk-canary"))


def refused(call, status, body="", headers=None, target=PLAIN):
    data = body if isinstance(body, bytes) else body.encode()
    with pytest.raises(Refused) as caught:
        answered(call, Raw(status, headers or {}, data), 0.1, target)
    assert caught.value.__context__ is None
    return caught.value


NESTED = '{"error": {"message": "%s", "type": "x", "param": null, "code": 400}}'
FLAT = '{"object": "error", "message": "%s", "type": "x", "param": null, "code": 400}'


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, NESTED % "bad prompt", Reason.BAD_REQUEST),
        (400, FLAT % "bad prompt", Reason.BAD_REQUEST),
        (404, NESTED % "The model `x` does not exist.", Reason.UNKNOWN_MODEL),
        (404, FLAT % "The model `x` does not exist.", Reason.UNKNOWN_MODEL),
        (404, '{"detail": "Not Found"}', Reason.NO_ROUTE_THERE),
        (404, "", Reason.NO_ROUTE_THERE),
        (405, '{"detail": "Method Not Allowed"}', Reason.NO_ROUTE_THERE),
        (401, '{"error": "Unauthorized"}', Reason.KEY_NEEDED),
        (403, '{"error": "Forbidden"}', Reason.FORBIDDEN),
        (413, "", Reason.BAD_REQUEST),
        (415, '{"detail": "Unsupported Media Type"}', Reason.BAD_REQUEST),
        (429, "{}", Reason.BUSY),
        (500, "Internal Server Error", Reason.SERVER_ERROR),
        (501, NESTED % "Not implemented", Reason.NO_TASK),
        (502, "<html>", Reason.GATEWAY),
        (
            503,
            '{"error": "The model is currently scaling. Please try again later."}',
            Reason.SCALING,
        ),
        (503, NESTED % "The queue is full", Reason.BUSY),
        (
            503,
            '{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}',
            Reason.LOADING,
        ),
        (504, "", Reason.GATEWAY),
        (507, "", Reason.SERVER_ERROR),
        (302, "", Reason.REDIRECT),
        (200, NESTED % "The model does not support Embeddings API", Reason.NO_TASK),
        (400, NESTED % "'m' does not support Matryoshka embeddings", Reason.FULL_LENGTH),
        (200, FLAT % "The model does not support Embeddings API", Reason.NO_TASK),
        (200, FLAT % "something else", Reason.BAD_REQUEST),
        (200, "<!DOCTYPE html><p>Sign in", Reason.HTML),
        (200, "", Reason.EMPTY),
        (200, "nonsense", Reason.NOT_JSON),
        (200, '{"version": 3}', Reason.WRONG_SHAPE),
        (200, "[" * 500, Reason.NOT_JSON),
    ],
)
def test_every_shape_of_error_has_its_reason(status, body, reason):
    error = refused(calls.version(), status, body)
    assert (error.reason, error.status, error.route) == (reason, status, Route.VERSION)


@pytest.mark.parametrize(
    ("name", "status", "reason", "part"),
    [
        ("error_401_models.json", 401, Reason.KEY_NEEDED, "Unauthorized"),
        ("error_404_model.json", 404, Reason.UNKNOWN_MODEL, "The model `nope` does not exist."),
        ("error_404_path_v1_tokenize.json", 404, Reason.NO_ROUTE_THERE, "Not Found"),
        ("error_405_get_tokenize.json", 405, Reason.NO_ROUTE_THERE, "Method Not Allowed"),
        ("error_400_tokenize_text_field.json", 400, Reason.BAD_REQUEST, "Field required"),
        ("error_400_temperature.json", 400, Reason.BAD_REQUEST, "temperature"),
        ("chat_render.json", 403, Reason.SWITCHED_OFF, "scale-out"),
    ],
)
def test_recorded_errors_of_vllm_have_their_reason_and_text(name, status, reason, part):
    error = refused(calls.version(), status, (RECORDINGS / name).read_bytes())
    assert error.reason is reason
    assert part in error.detail


def test_a_key_that_was_sent_is_called_wrong_and_one_that_was_not_is_asked_for():
    assert refused(calls.models(), 401, target=KEYED).reason is Reason.KEY_REFUSED
    assert refused(calls.models(), 401, target=PLAIN).reason is Reason.KEY_NEEDED


def test_a_dead_engine_is_told_from_a_busy_server():
    assert refused(calls.health(), 503).reason is Reason.ENGINE_DEAD
    assert refused(calls.health(), 503, "no upstream").reason is Reason.BUSY
    assert refused(calls.version(), 503).reason is Reason.BUSY


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("999999", 3600.0), ("soon", None), ("-1", None), ("", None)],
)
def test_the_time_to_wait_is_kept(header, seconds):
    assert refused(calls.version(), 429, headers={"retry-after": header}).retry_after == seconds


def test_a_web_page_is_known_by_its_type_and_by_its_look():
    kind = {"content-type": "text/html"}
    assert refused(calls.health(), 200, "hello", kind).reason is Reason.HTML
    assert refused(calls.metrics(), 200, "  <html>").reason is Reason.HTML


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "a string under 200", "version": "1"}',
        '{"error": null, "version": "1"}',
        '{"object": "list", "version": "1"}',
    ],
)
def test_a_good_answer_is_not_taken_for_an_error(body):
    answer = answered(calls.version(), Raw(200, {}, body.encode()), 0.5, PLAIN)
    assert isinstance(answer, Answer)
    assert (answer.value, answer.seconds, answer.status) == ("1", 0.5, 200)


def test_a_probe_takes_any_status_but_a_failing_server():
    assert answered(calls.probe(Route.TOKENIZE), Raw(405, {}, b""), 0, PLAIN).value is True
    assert answered(calls.probe(Route.TOKENIZE), Raw(404, {}, b""), 0, PLAIN).value is False
    assert refused(calls.probe(Route.TOKENIZE), 503).reason is Reason.BUSY


@pytest.mark.parametrize(
    "body",
    [
        "sk-canary",
        json.dumps({"error": "Incorrect key sk-canary"}),
        json.dumps({"error": {"message": "you sent Bearer sk-canary"}}),
        json.dumps({"detail": ["sk-canary"]}),
        '{"broken": "sk-canary',
        "<html>sk-canary",
    ],
)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 500])
def test_a_server_that_sends_the_key_back_gets_it_into_no_error(status, body):
    error = refused(calls.version(), status, body, {"location": "http://x/?k=sk-canary"}, KEYED)
    assert "canary" not in f"{error} {error!r} {error.detail} {error.sentence} {vars(error)}"


def test_the_detail_is_one_short_clean_line():
    body = json.dumps({"error": {"message": "a\n\x1b[31m\u202eb" + "x" * 5000}})
    detail = refused(calls.version(), 400, body).detail
    assert detail.startswith("a [31mbx")
    assert len(detail) <= 200
