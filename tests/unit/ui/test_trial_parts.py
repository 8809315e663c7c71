"""The parts of a path are sent under our names, whatever a server calls them."""

from lib.api import VllmClient
from lib.explorer.schema import Shape
from lib.servers import Server, Source
from lib.ui.explorer.copies import copies
from lib.ui.explorer.draft import Draft, parts_of, trial_of
from tests.support.faulty import FaultServer, answer_json, recorded

DESCRIBED = {"/v1/models": {"get": {}}, "/v1/responses/{id}": {"get": {}}}
SERVER = {
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/openapi.json": answer_json({"paths": DESCRIBED}),
    "/v1/responses/a%20b": answer_json({"id": "a b"}),
}


def test_a_part_that_a_server_names_otherwise_is_sent():
    with FaultServer(SERVER) as server, VllmClient(server.url, timeout=60) as client:
        listed = client.surface().named("GET /v1/responses/{id}")
        assert parts_of(listed) == ("response_id",)
        trial, why = trial_of(Draft(None, Shape("", ()), [], parts={"response_id": "a b"}), listed)
        assert why == ""
        assert client.try_out(trial).status == 200
        curl, _ = copies(Server("s", server.url, None, Source.ADDED), listed, trial)["curl"]
        assert f"{server.url}/v1/responses/a%20b" in curl
