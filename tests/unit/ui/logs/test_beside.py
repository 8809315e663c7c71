"""What of a live server is held against a log."""

from lib.api import VllmClient
from lib.ui.logs.beside import routes_of
from tests.support.faulty import FaultServer, answer_json, recorded

LOCKED = answer_json({"error": "Unauthorized"}, 401)
EXISTS = answer_json({"detail": "Method Not Allowed"}, 405)
ABSENT = answer_json({"detail": "Not Found"}, 404)
SERVER = {
    "/version": recorded("version.json"),
    "/tokenize": EXISTS,
    "/v1*": LOCKED,
    "*": ABSENT,
}


def test_routes_of_which_only_a_key_would_tell_are_not_judged():
    with FaultServer(SERVER) as server, VllmClient(server.url, timeout=60) as client:
        found = routes_of(client.surface())
    assert found["/tokenize"]
    assert found["/score"] is False
    assert not [path for path in found if path.startswith("/v1/")]
