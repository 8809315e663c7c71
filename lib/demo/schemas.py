"""What the demo servers say of their bodies in `/openapi.json`: the fields that they read.

In the shape of vLLM's own description (`$ref`, `anyOf`, `enum`, defaults), with fewer fields; the
names say that they are the demo's.
"""

from typing import Any

__all__ = ["COMPONENTS", "body_of"]

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(**schema: object) -> Schema:
    """A field that may be null, as pydantic describes one."""
    return {"anyOf": [schema, {"type": "null"}]}


def _object(name: str, required: list[str], **fields: Schema) -> tuple[str, Schema]:
    titled = {
        field: {**about, "title": field.replace("_", " ").title()}
        for field, about in fields.items()
    }
    return name, {
        "type": "object",
        "title": name,
        "additionalProperties": True,
        "properties": titled,
        "required": required,
    }


_MODEL = _maybe(type="string")
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_IDS: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}}
_FLAG: Schema = {"type": "boolean", "default": False}
_MESSAGES: Schema = {"type": "array", "items": _ref("DemoMessage")}
_SAMPLING: dict[str, Schema] = {
    "temperature": _maybe(type="number", minimum=0, maximum=2),
    "seed": _maybe(type="integer"),
    "stop": {**_TEXTS, "default": []},
    "stream": _FLAG,
}
_CUT = _maybe(type="integer", minimum=-1)
_FORMAT: Schema = {"type": "string", "enum": ["float", "base64"], "default": "float"}

COMPONENTS: dict[str, Schema] = dict(
    (
        _object(
            "DemoMessage",
            ["role", "content"],
            role={"type": "string", "enum": ["system", "user", "assistant", "tool"]},
            content=_TEXT,
        ),
        _object(
            "DemoChatRequest",
            ["messages"],
            messages=_MESSAGES,
            model=_MODEL,
            max_completion_tokens=_maybe(type="integer", minimum=1),
            **_SAMPLING,
            logprobs=_FLAG,
            top_logprobs=_maybe(type="integer", minimum=0, maximum=20),
            reasoning_effort=_maybe(type="string", enum=["none", "low", "medium", "high"]),
            return_token_ids=_FLAG,
        ),
        _object(
            "DemoCompletionRequest",
            ["prompt"],
            prompt={"anyOf": [_TEXT, _IDS]},
            model=_MODEL,
            max_tokens={**_maybe(type="integer", minimum=1), "default": 16},
            **_SAMPLING,
            echo=_FLAG,
            logprobs=_maybe(type="integer", minimum=0, maximum=20),
        ),
        _object(
            "DemoResponsesRequest",
            ["input"],
            input={"anyOf": [_TEXT, _MESSAGES]},
            model=_MODEL,
            instructions=_maybe(type="string"),
            max_output_tokens=_maybe(type="integer", minimum=1),
            temperature=_SAMPLING["temperature"],
        ),
        _object(
            "DemoMessagesRequest",
            ["model", "messages", "max_tokens"],
            model=_TEXT,
            messages=_MESSAGES,
            max_tokens={"type": "integer", "minimum": 1},
            system=_maybe(type="string"),
            temperature=_SAMPLING["temperature"],
        ),
        _object(
            "DemoCountRequest",
            ["model", "messages"],
            model=_TEXT,
            messages=_MESSAGES,
            system=_maybe(type="string"),
        ),
        _object(
            "DemoTokenizeTextRequest",
            ["prompt"],
            prompt=_TEXT,
            model=_MODEL,
            add_special_tokens={"type": "boolean", "default": True},
            return_token_strs=_FLAG,
        ),
        _object(
            "DemoTokenizeChatRequest",
            ["messages"],
            messages=_MESSAGES,
            model=_MODEL,
            add_generation_prompt={"type": "boolean", "default": True},
            return_token_strs=_FLAG,
        ),
        _object("DemoDetokenizeRequest", ["tokens"], tokens=_IDS, model=_MODEL),
        _object("DemoTutorialTokenizeRequest", ["model", "text"], model=_TEXT, text=_TEXT),
        _object(
            "DemoEmbeddingRequest",
            ["input"],
            input=_TEXTS,
            model=_MODEL,
            encoding_format=_FORMAT,
            dimensions=_maybe(type="integer", minimum=1),
            truncate_prompt_tokens=_CUT,
        ),
        _object(
            "DemoPoolingRequest",
            ["input"],
            input=_TEXTS,
            model=_MODEL,
            encoding_format=_FORMAT,
            truncate_prompt_tokens=_CUT,
        ),
        _object(
            "DemoScoreRequest", ["text_1", "text_2"], text_1=_TEXTS, text_2=_TEXTS, model=_MODEL
        ),
        _object(
            "DemoRerankRequest",
            ["query", "documents"],
            query=_TEXT,
            documents={"type": "array", "items": _TEXT},
            model=_MODEL,
            top_n={"type": "integer", "default": 0},
        ),
    )
)
_BODIES = {
    "/v1/chat/completions": ("DemoChatRequest",),
    "/v1/completions": ("DemoCompletionRequest",),
    "/v1/responses": ("DemoResponsesRequest",),
    "/v1/messages": ("DemoMessagesRequest",),
    "/v1/messages/count_tokens": ("DemoCountRequest",),
    "/tokenize": ("DemoTokenizeTextRequest", "DemoTokenizeChatRequest"),
    "/detokenize": ("DemoDetokenizeRequest",),
    "/v1/tokenize": ("DemoTutorialTokenizeRequest",),
    "/v1/detokenize": ("DemoDetokenizeRequest",),
    "/v1/embeddings": ("DemoEmbeddingRequest",),
    "/pooling": ("DemoPoolingRequest",),
    "/score": ("DemoScoreRequest",),
    "/v1/score": ("DemoScoreRequest",),
    "/rerank": ("DemoRerankRequest",),
    "/v1/rerank": ("DemoRerankRequest",),
    "/v2/rerank": ("DemoRerankRequest",),
}


def body_of(path: str) -> Schema:
    """What a route's description says of its body; nothing where it takes none."""
    names = _BODIES.get(path)
    if names is None:
        return {}
    forms = [_ref(name) for name in names]
    schema = forms[0] if len(forms) == 1 else {"anyOf": forms, "title": "Request"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"content": content, "required": True}}
