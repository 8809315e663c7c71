"""Other makers' interfaces give what a chat gives, in their own form."""

import httpx
import pytest

QUESTION = [{"role": "user", "content": "Why does my queue grow?"}]
MODEL = "demo/tekken-7b"


def posted(client: httpx.Client, path: str, body: dict) -> dict:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def chatted(client, **fields):
    body = {"messages": QUESTION, "temperature": 0, **fields}
    done = posted(client, "/v1/chat/completions", body)
    return done["choices"][0]["message"]["content"], done["usage"]


@pytest.mark.parametrize("asked", ["Why does my queue grow?", QUESTION], ids=["text", "chat"])
def test_a_response_says_what_a_chat_says(chat, asked):
    text, usage = chatted(chat, max_tokens=20)
    body = {"input": asked, "temperature": 0, "max_output_tokens": 20}
    done = posted(chat, "/v1/responses", body)
    (message,) = done["output"]
    assert message["content"][0]["text"] == text
    assert (done["status"], done["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert done["usage"]["input_tokens"] == usage["prompt_tokens"]
    assert done["usage"]["output_tokens"] == 20


def test_a_thought_of_a_response_stands_before_its_message(servers):
    body = {"input": "Why?", "max_output_tokens": 300}
    done = posted(servers["demo-pressure"], "/v1/responses", body)
    assert [row["type"] for row in done["output"]] == ["reasoning", "message"]


def test_a_message_says_what_a_chat_says(chat):
    text, usage = chatted(chat, max_tokens=20)
    body = {"model": MODEL, "messages": QUESTION, "temperature": 0, "max_tokens": 20}
    done = posted(chat, "/v1/messages", body)
    assert done["content"] == [{"type": "text", "text": text}]
    assert done["stop_reason"] == "max_tokens"
    assert done["usage"] == {"input_tokens": usage["prompt_tokens"], "output_tokens": 20}


def test_tokens_are_counted_as_a_chat_has_them(chat):
    _, usage = chatted(chat, max_tokens=1)
    body = {"model": MODEL, "messages": QUESTION}
    counted = posted(chat, "/v1/messages/count_tokens", body)
    assert counted["input_tokens"] == usage["prompt_tokens"]
    led = posted(chat, "/v1/messages/count_tokens", body | {"system": "Be brief."})
    assert led["input_tokens"] > counted["input_tokens"]


def test_an_invocation_is_what_its_fields_say(servers):
    chat, embed = servers["demo-chat"], servers["demo-embed"]
    told = [
        (chat, {"messages": QUESTION, "max_tokens": 2}, "object", "chat.completion"),
        (chat, {"prompt": "Hi", "max_tokens": 2}, "object", "text_completion"),
        (embed, {"input": "Hi"}, "object", "list"),
        (embed, {"text_1": "a", "text_2": "b"}, "object", "list"),
        (embed, {"query": "a", "documents": ["b"]}, "model", "demo/hashed-384"),
    ]
    for client, body, name, expected in told:
        assert posted(client, "/invocations", body)[name] == expected
    assert embed.post("/invocations", json={"other": 1}).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": "Hi", "stream": True}),
        ("/v1/responses", {"input": 5}),
        ("/v1/responses", {}),
        ("/v1/messages", {"model": MODEL, "messages": QUESTION}),
        ("/v1/messages", {"model": MODEL, "messages": QUESTION, "max_tokens": 0}),
        ("/v1/messages/count_tokens", {"messages": "Hi"}),
    ],
)
def test_what_cannot_be_served_is_refused(chat, path, body):
    answer = chat.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_an_old_release_has_none_of_them_and_a_pooling_server_only_its_own(servers):
    for path in ("/v1/responses", "/v1/messages"):
        assert servers["demo-tutorial"].post(path, json={}).status_code == 404
        assert servers["demo-embed"].post(path, json={}).status_code == 404


def test_no_demo_is_being_scaled(chat):
    assert posted(chat, "/is_scaling_elastic_ep", {}) == {"is_scaling_elastic_ep": False}


def test_every_body_that_is_described_is_one_that_is_there(servers):
    for client in servers.values():
        document = client.get("/openapi.json").json()
        schemas = document["components"]["schemas"]
        for methods in document["paths"].values():
            for about in methods.values():
                content = about.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema", {})
                for form in schema.get("anyOf", [schema] if schema else []):
                    name = form["$ref"].rpartition("/")[2]
                    assert "demo" in name.lower()
                    assert set(schemas[name]["required"]) <= set(schemas[name]["properties"])
