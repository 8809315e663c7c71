"""The API Explorer run headless: what it lists, what it sends, and what it never sends."""

import json

import pytest

from lib.ui.house import house
from tests.support.faulty import RECORDINGS, FaultServer, answer, answer_json, hang
from tests.support.headless import Headless
from tests.support.waiting import until

EXPLORER = "pages/lab/explorer.py"
SECONDS = 30
MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm"}]}


class Person(Headless):
    """A session on the page."""

    def __init__(self, visit, **query):
        super().__init__(visit.opens(EXPLORER, **query))

    def view(self, name):
        return next(iter(self.views(name)), None)

    def sees_routes(self):
        """Wait until the server has told them."""

        def told():
            self.app.run()
            return self.view("routes") is not None

        until(told, SECONDS)
        return self.sound()

    def rows(self):
        return {row["key"]: row for group in self.view("routes")["groups"] for row in group["rows"]}

    def opens(self, route):
        self.app.session_state["explorer-route"] = route
        self.app.run()
        return self.sound()

    def field(self, name):
        found = [*self.app.text_input, *self.app.text_area, *self.app.selectbox]
        labels = [one.label.replace("\\", "").removesuffix(" · required") for one in found]
        return found[labels.index(name)] if name in labels else None

    def button(self):
        return self.buttons("explorer-send")[0]

    def buttons(self, key):
        return [one for one in self.app.button if (one.key or "").startswith(key)]

    def sends(self):
        self.button().click().run()
        self.sound()
        sending = self.app.session_state["explorer-past"][0].sending
        until(lambda: not sending.is_running, SECONDS)
        self.app.run()
        return self.sound()

    def checks(self, name):
        """What the exposure check tells of a server, by the route."""
        self.app.session_state["explorer-part"] = "Exposure check"
        self.app.run()
        assert self.view("exposure") is None
        next(one for one in self.app.button if one.key == "explorer-check").click().run()
        asking = self.app.session_state["explorer-exposure"][house().named(name)]
        until(asking.done, SECONDS)
        self.app.run()
        self.sound()
        rows = self.view("exposure")["rows"]
        return {f"{one['method']} {one['path']}": one for one in rows}

    def words(self):
        every = [*self.app.caption, *self.app.warning, *self.app.info, *self.app.text]
        return " ".join(one.value for one in every).replace("\\", "")


@pytest.fixture
def person(lasting, demo):
    def at(server="demo-chat"):
        return Person(lasting(INSPECTOR_DEMO_SERVERS=demo), server=server)

    return at


@pytest.fixture(scope="module")
def running():
    """A server with the description of a real one, which answers to what it is asked."""
    document = (RECORDINGS / "openapi.json").read_bytes()
    with FaultServer(
        {
            "/version": answer_json({"version": "0.32.0"}),
            "/v1/models": answer_json(MODELS),
            "/openapi.json": answer(document, headers={"content-type": "application/json"}),
            "/v1/completions": answer_json({"choices": [{"text": "<b>it</b>"}]}),
            "/tokenize": answer_json({"error": {"message": "no"}}, 400),
        }
    ) as server:
        yield server


@pytest.fixture
def real(running):
    """The same, as if it had just been started."""
    before = dict(running.behaviours)
    running.seen.clear()
    yield running
    running.behaviours = before


@pytest.fixture
def at_real(lasting, real):
    visit = lasting(VLLM_SERVERS=f"real={real.url}")
    return Person(visit, server="real").sees_routes()


def test_without_servers_it_says_what_to_do(dashboard):
    visit = dashboard().opens(EXPLORER)
    assert visit.app.title[0].value == "No servers yet"


def test_routes_stand_in_their_groups_with_their_facts(person):
    someone = person().sees_routes()
    names = [group["name"] for group in someone.view("routes")["groups"]]
    assert names[:4] == ["System", "Tokenizer", "Models", "Generation"]
    row = someone.rows()["POST /tokenize"]
    assert (row["state"], row["since"], row["cost"]) == ("present", "0.5.1", "processor time")
    assert row["guarded"] is False
    assert someone.rows()["GET /v1/models"]["guarded"] is True
    assert "routes, from its OpenAPI document" in someone.view("vectors")["line"]


def test_whether_a_key_guards_a_route_is_told_of_this_server(at_real, lasting, real):
    at_real.opens("POST /v1/completions")
    assert "a key would guard it; none was asked for" in at_real.words()
    at_real.opens("POST /tokenize")
    assert "no key guards it" in at_real.words()
    locked = answer_json({"error": "Unauthorized"}, 401)
    real["/v1/models"] = locked
    visit = lasting(VLLM_SERVERS=f"locked={real.url}")
    other = Person(visit, server="locked").sees_routes().opens("POST /v1/completions")
    assert "a key guards it" in other.words()


def test_what_it_lacks_is_there_with_the_reason_and_who_has_it(person):
    someone = person().sees_routes()

    def row():
        someone.app.run()
        return someone.rows()["POST /v1/embeddings"]

    until(lambda: "demo-embed" in row()["others"], SECONDS)
    assert row()["state"] == "absent"
    assert row()["reason"]
    someone.opens("POST /v1/embeddings")
    assert not someone.buttons("explorer-send")
    next(one for one in someone.app.button if one.key == "explorer-offer-demo-embed").click().run()
    someone.sees_routes()
    assert someone.button().label == "Send · uses GPU time"


def test_an_example_is_sent_as_it_stands_and_its_answer_shown(person):
    someone = person().sees_routes().opens("POST /tokenize")
    assert someone.button().label == "Send · uses processor time"
    someone.sends()
    told = someone.view("tried")
    assert (told["words"], told["tone"]) == ("200 OK", "good")
    assert json.loads(told["body"])["count"] > 3
    assert json.loads(told["sent"])["prompt"].startswith("Hello")
    assert "content-type" in dict(told["headers"])
    assert someone.view("sendings")["rows"][0]["route"] == "POST /tokenize"


def test_what_is_typed_is_what_goes_out(at_real, real):
    at_real.opens("POST /v1/completions")
    at_real.field("prompt").set_value("typed <i>here</i>")
    at_real.field("max_tokens").set_value("3")
    at_real.field("temperature").set_value("")
    at_real.sends()
    sent = next(one for one in real.seen if one.path == "/v1/completions" and one.method == "POST")
    assert sent.json == {"model": "m", "prompt": "typed <i>here</i>", "max_tokens": 3}
    assert at_real.view("tried")["body"] == '{"choices": [{"text": "<b>it</b>"}]}'


def posted(server):
    """What was sent to it from the page; the watcher only reads."""
    return [one for one in server.seen if one.method == "POST"]


def test_a_click_is_for_the_route_that_was_seen(at_real, real):
    """Two clicks before the next run come as one: Send on a route, and another one in the list."""
    at_real.opens("POST /tokenize").opens("POST /v1/completions")
    at_real.button().click()
    at_real.opens("POST /tokenize")
    assert not posted(real)
    assert at_real.view("sendings") is None
    at_real.sends()
    assert [one.path for one in posted(real)] == ["/tokenize"]


def test_a_further_field_of_the_description_can_be_added(at_real, real):
    at_real.opens("POST /v1/completions")
    assert at_real.field("top_k") is None
    at_real.field("More").set_value("top_k").run()
    at_real.field("top_k").set_value("5")
    at_real.sends()
    sent = next(one for one in real.seen if one.path == "/v1/completions" and one.method == "POST")
    assert sent.json["top_k"] == 5


def test_the_body_can_be_typed_as_json_and_comes_back_to_the_form(at_real, real):
    at_real.opens("POST /v1/completions")
    at_real.app.session_state["explorer-mode"] = "JSON"
    at_real.app.run()
    body = at_real.field("Body")
    assert json.loads(body.value)["model"] == "m"
    body.set_value('{"prompt": [1, 2], "odd": {"a": 1}, "stream": true}')
    at_real.sends()
    sent = next(one for one in real.seen if one.path == "/v1/completions" and one.method == "POST")
    assert sent.json == {"prompt": [1, 2], "odd": {"a": 1}}
    assert "shows no streams" in at_real.view("tried")["remark"]
    at_real.field("Body").set_value("{").run()
    assert at_real.button().disabled
    assert "is no JSON" in at_real.words()


def as_json(person, body):
    """Type a body, and look at it as a form again."""
    person.app.session_state["explorer-mode"] = "JSON"
    person.app.run()
    person.field("Body").set_value(json.dumps(body)).run()
    return person.sound()


def test_the_form_shows_a_body_and_changes_nothing_in_it(at_real, real):
    body = {"model": "m", "prompt": "[1, 2]", "stop": None, "suffix": "", "top_k": "many"}
    as_json(at_real.opens("POST /v1/completions"), body)
    at_real.app.session_state["explorer-mode"] = "Form"
    at_real.app.run()
    assert at_real.field("prompt").value == "[1, 2]"
    at_real.sends()
    sent = next(one for one in real.seen if one.path == "/v1/completions" and one.method == "POST")
    assert sent.json == body
    at_real.field("prompt").set_value("[1, 3]")
    at_real.sends()
    assert posted(real)[-1].json == body | {"prompt": [1, 3]}


def test_a_body_typed_as_json_waits_whole_while_another_route_is_open(at_real, real):
    body = {"model": "m", "prompt": "x", "seed": 1}
    as_json(at_real.opens("POST /v1/completions"), body)
    at_real.opens("POST /tokenize")
    at_real.app.session_state["explorer-mode"] = "Form"
    at_real.app.run()
    at_real.opens("POST /v1/completions")
    assert at_real.field("seed").value == "1"
    at_real.sends()
    sent = next(one for one in real.seen if one.path == "/v1/completions" and one.method == "POST")
    assert sent.json == body


def test_what_cannot_be_read_is_not_sent(at_real):
    at_real.opens("POST /v1/completions")
    at_real.field("max_tokens").set_value("many").run()
    assert at_real.button().disabled
    assert "max_tokens is no JSON" in at_real.words()


def test_another_form_of_the_body_can_be_chosen(at_real, real):
    at_real.opens("POST /tokenize")
    assert at_real.field("prompt").value
    at_real.field("Form of the body").set_value(1).run()
    assert at_real.field("prompt") is None
    at_real.sends()
    sent = next(one for one in real.seen if one.path == "/tokenize" and one.method == "POST")
    assert sent.json["messages"][0]["role"] == "user"
    assert at_real.view("tried")["words"] == "400 Bad Request"


def test_a_part_of_the_path_must_be_filled_in(at_real, real):
    at_real.opens("GET /v1/responses/{response_id}")
    assert at_real.button().disabled
    at_real.field("response_id").set_value("../a").run()
    assert at_real.button().disabled
    assert "lead to another path" in at_real.words()
    at_real.field("response_id").set_value("a/b c?d").run()
    at_real.sends()
    assert at_real.view("tried")["words"] == "404 Not Found"
    assert "/v1/responses/a%2Fb%20c%3Fd" in {one.path for one in real.seen}


def test_a_status_of_refusal_is_an_answer_too(person):
    someone = person("demo-embed").sees_routes().opens("POST /v1/embeddings")
    someone.field("input").set_value("[]")
    someone.sends()
    assert someone.view("tried")["words"].startswith("400")
    assert someone.view("tried")["tone"] == "watch"


def test_what_was_sent_is_listed_the_newest_first(at_real, real):
    at_real.opens("POST /v1/completions").sends()
    at_real.opens("GET /version").sends()
    rows = at_real.view("sendings")["rows"]
    assert [one["route"] for one in rows] == ["GET /version", "POST /v1/completions"]
    assert "GPU time" in rows[1]["again"]


def test_the_same_request_is_told_for_other_tools_without_a_key(dashboard, real):
    visit = dashboard(VLLM_SERVERS=f"real={real.url}", VLLM_API_KEY="sk-secret")
    someone = Person(visit, server="real").sees_routes().opens("POST /v1/completions")
    told = " ".join(one.value for one in someone.app.code)
    assert f"curl -s {real.url}/v1/completions" in told
    assert "client.completions.create(" in told
    assert "$VLLM_API_KEY" in told
    assert "sk-secret" not in told
    someone.sends()
    assert "sk-secret" not in json.dumps(someone.view("tried"))


def test_what_changes_a_server_is_not_offered(person):
    someone = person().sees_routes().opens("POST /scale_elastic_ep")
    assert not someone.buttons("explorer-send")


@pytest.fixture
def scaling(real):
    real["/scale_elastic_ep"] = answer_json({"message": "Scaled"})
    return real


@pytest.fixture
def hearing(real):
    """The same with a route that takes a sound."""
    document = json.loads((RECORDINGS / "openapi.json").read_bytes())
    document["components"]["schemas"]["Body_x"] = {
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "model": {"type": "string"},
            "language": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["file"],
    }
    content = {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Body_x"}}}
    document["paths"]["/v1/audio/transcriptions"] = {"post": {"requestBody": {"content": content}}}
    real["/openapi.json"] = answer_json(document)
    real["/v1/audio/transcriptions"] = answer_json({"text": "hello"})
    return real


def test_a_sound_goes_out_in_a_form(dashboard, hearing):
    visit = dashboard(VLLM_SERVERS=f"real={hearing.url}")
    someone = Person(visit, server="real").sees_routes().opens("POST /v1/audio/transcriptions")
    assert someone.button().disabled
    assert "no sound yet" in someone.words()
    assert someone.field("file") is None
    someone.app.file_uploader[0].set_value(("a.wav", b"RIFF0000WAVE", "audio/wav")).run()
    someone.sends()
    sent = next(one for one in hearing.seen if one.path == "/v1/audio/transcriptions")
    assert b'filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF0000WAVE' in sent.body
    assert b'name="model"\r\n\r\nm\r\n' in sent.body
    told = " ".join(one.value for one in someone.app.code)
    assert "-F file=@a.wav" in told
    assert "client.audio.transcriptions.create(" in told
    assert json.loads(someone.view("tried")["sent"])["file"] == "a.wav"


def test_with_control_off_it_says_who_may_allow_it(at_real, scaling):
    at_real.opens("POST /scale_elastic_ep")
    assert "INSPECTOR_CONTROL=on" in at_real.words()
    assert not at_real.buttons("explorer-send")


def test_with_control_on_the_servers_name_is_typed_each_time(dashboard, scaling):
    visit = dashboard(VLLM_SERVERS=f"real={scaling.url}", INSPECTOR_CONTROL="on")
    someone = Person(visit, server="real").sees_routes().opens("POST /scale_elastic_ep")
    assert someone.button().label == "Send · changes the server"
    assert someone.button().disabled
    someone.field("Type real to change it").set_value("Real").run()
    assert someone.button().disabled
    someone.field("Type real to change it").set_value("real").run()
    assert not someone.button().disabled
    someone.opens("POST /v1/load_lora_adapter").opens("POST /scale_elastic_ep")
    assert someone.button().disabled  # it was typed for what was open then
    someone.field("Type real to change it").set_value("real").run()
    someone.sends()
    assert someone.view("tried")["words"] == "200 OK"
    posts = [one for one in scaling.seen if one.method == "POST"]
    assert [one.path for one in posts] == ["/scale_elastic_ep"]
    assert someone.button().disabled
    assert someone.view("sendings")["rows"][0]["again"] == ""


def test_a_route_nobody_knows_is_listed_and_not_sent(dashboard, real):
    document = json.loads((RECORDINGS / "openapi.json").read_bytes())
    document["paths"]["/secret/wipe"] = {"post": {"summary": "Wipe <b>all</b>"}}
    real["/openapi.json"] = answer_json(document)
    someone = Person(dashboard(VLLM_SERVERS=f"real={real.url}"), server="real").sees_routes()
    assert someone.rows()["POST /secret/wipe"]["what"].startswith("Wipe <b>all</b>")
    someone.opens("POST /secret/wipe")
    assert not someone.buttons("explorer-send")
    assert "Nothing is known here" in someone.words()


def test_a_route_that_only_another_server_lists_is_missing_here(dashboard, real):
    document = json.loads((RECORDINGS / "openapi.json").read_bytes())
    own = {
        "/secret/wipe": {"post": {"summary": "Wipe <b>all</b>"}},
        "/both/{name}/{part}": {"get": {}},
        "/v1/responses/{id}": document["paths"]["/v1/responses/{response_id}"],
    }
    other = document | {"paths": document["paths"] | own}
    real["/openapi.json"] = answer_json(
        document | {"paths": document["paths"] | {"/both/{a}/{b}": {"get": {}}}}
    )
    behaviours = real.behaviours | {"/openapi.json": answer_json(other)}
    with FaultServer(behaviours) as richer:
        servers = f"real={real.url},richer={richer.url}"
        someone = Person(dashboard(VLLM_SERVERS=servers), server="real").sees_routes()
        before = someone.rows()
        exploring, server = house().exploring, house().named("richer")
        until(lambda: exploring.found(server).surface is not None, SECONDS)
        someone.app.run()
    rows = someone.rows()
    assert set(rows) - set(before) == {"POST /secret/wipe"}
    row = rows["POST /secret/wipe"]
    assert (row["state"], row["group"]) == ("absent", "Other")
    assert row["reason"] == "another server's own route, which this one does not list"
    assert row["others"] == "others have it: richer"
    someone.opens("POST /secret/wipe")
    assert someone.buttons("explorer-offer-richer")
    assert not someone.buttons("explorer-send")


def test_a_server_that_does_not_answer_is_said_to(dashboard, down):
    someone = Person(dashboard(VLLM_SERVERS=down), server="down")

    def told():
        someone.app.run()
        return "Nothing listens" in someone.words()

    until(told, SECONDS)
    assert someone.view("routes") is None


def test_a_slow_answer_is_waited_for_and_can_be_given_up(at_real, real):
    real["/v1/completions"] = hang()
    at_real.opens("POST /v1/completions")
    at_real.button().click().run()
    at_real.sound()
    assert "Waiting for real" in at_real.words()
    at_real.buttons("explorer-stop")[0].click().run()
    sending = at_real.app.session_state["explorer-past"][0].sending
    until(lambda: not sending.is_running, SECONDS)
    at_real.app.run()
    assert "Given up" in at_real.view("tried")["remark"]


def test_the_exposure_check_says_what_stands_open(person):
    someone = person().sees_routes()
    rows = someone.checks("demo-chat")
    assert rows["POST /v1/chat/completions"]["tone"] == "bad"
    assert rows["GET /health"]["tone"] == "good"
    assert "no key" in someone.view("summary")["sentence"]
    assert someone.view("summary")["more"][0].startswith("Asked on 20")


def test_what_nobody_knows_keeps_the_exposure_check_in_doubt(dashboard, real):
    document = json.loads((RECORDINGS / "openapi.json").read_bytes())
    document["paths"]["/my/admin/drop"] = {"post": {}}
    locked, key = answer_json({"error": "Unauthorized"}, 401), "sk-abcdefgh"

    def guarded(behaviour):
        async def behave(exchange):
            has_key = exchange.seen.headers.get("authorization") == f"Bearer {key}"
            await (behaviour if has_key else locked)(exchange)

        return behave

    real["/openapi.json"] = answer_json(document)
    real["*"] = answer_json({"detail": "Not Found"}, 404)
    real.behaviours = {name: guarded(one) for name, one in real.behaviours.items()}
    visit = dashboard(VLLM_SERVERS=f"real={real.url}", VLLM_API_KEY=key)
    someone = Person(visit, server="real").sees_routes()
    row = someone.checks("real")["POST /my/admin/drop"]
    assert (row["verdict"], row["tone"], row["risk"]) == ("was not asked", "unknown", "not known")
    assert row["advice"]
    assert someone.view("summary")["tone"] == "hint"
    assert someone.view("summary")["sentence"].endswith("2 were not asked.")


def test_a_link_opens_a_route_and_the_address_keeps_it(lasting, demo):
    visit = lasting(INSPECTOR_DEMO_SERVERS=demo)
    someone = Person(visit, server="demo-chat", route="POST /detokenize").sees_routes()
    assert someone.view("routes")["selected"] == "POST /detokenize"
    assert someone.view("vectors")["query"]["route"] == "POST /detokenize"
    assert someone.field("tokens").value == "[72, 101, 108, 108, 111]"


def test_another_model_turns_the_request_to_it_and_keeps_what_was_typed(lasting, real):
    second = {"id": "m2", "object": "model", "owned_by": "vllm"}
    real["/v1/models"] = answer_json({"object": "list", "data": [*MODELS["data"], second]})
    someone = Person(lasting(VLLM_SERVERS=f"real={real.url}"), server="real", model="m")
    someone.sees_routes().opens("POST /v1/completions")
    someone.field("prompt").set_value("mine").run()
    house().asked.listing(house().named("real"))

    def turned():
        someone.app.session_state["model"] = "m2"
        someone.app.run()
        return someone.field("model").value == "m2"

    until(turned, 60)
    assert someone.field("prompt").value == "mine"


def test_a_strange_link_opens_nothing(person):
    someone = person().sees_routes().opens("DELETE /<script>")
    assert "has no route called DELETE /<script>" in someone.words()
