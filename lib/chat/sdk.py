"""The same request with the OpenAI SDK, which most programs that meet vLLM are written with.

Pure. Decided here: which routes the SDK has a call for, and which fields it knows by name; all
others of a request go by its `extra_body`. No key is ever written.
"""

from collections.abc import Mapping

from lib.chat.snippets import Sent

__all__ = ["openai_sdk"]

_KEY = "VLLM_API_KEY"
_SAMPLING = (
    "frequency_penalty logit_bias logprobs max_tokens model n presence_penalty seed stop stream "
    "stream_options temperature top_p user "
)
_CHAT = (
    "messages max_completion_tokens parallel_tool_calls reasoning_effort response_format store "
    "tool_choice tools top_logprobs"
)
_RESPONSE = (
    "include input instructions max_output_tokens metadata model parallel_tool_calls "
    "previous_response_id reasoning store stream temperature text tool_choice tools top_logprobs "
    "top_p truncation user"
)
_AUDIO = "model prompt response_format temperature"
_KNOWN: Mapping[str, tuple[str, str]] = {
    "/v1/chat/completions": ("chat.completions.create", _SAMPLING + _CHAT),
    "/v1/completions": ("completions.create", f"{_SAMPLING} best_of echo prompt suffix"),
    "/v1/embeddings": ("embeddings.create", "dimensions encoding_format input model user"),
    "/v1/responses": ("responses.create", _RESPONSE),
    "/v1/models": ("models.list", ""),
    "/v1/audio/transcriptions": ("audio.transcriptions.create", f"{_AUDIO} language stream"),
    "/v1/audio/translations": ("audio.translations.create", _AUDIO),
}
"""The call of a route, and the fields that it has a name for."""
_TEXTS = ("text", "srt", "vtt")
"""Formats of a recording's words for which the SDK gives a text and no object."""
_STREAMED = ["for part in answer:", "    print(part.model_dump_json())"]


def openai_sdk(sent: Sent) -> str:
    """A script; "" for a route that the SDK has no call for."""
    call, names = _KNOWN.get(sent.path, ("", ""))
    if not call:
        return ""
    key = f"os.environ[{_KEY!r}]" if sent.has_key else "'none'"
    body = sent.body or {}
    known = {name: value for name, value in body.items() if name in names.split()}
    extra = {name: value for name, value in body.items() if name not in known}
    told = [f"    {name}={value!r}," for name, value in known.items()]
    told += [f"    {sent.upload[0]}=open({sent.upload[1]!r}, 'rb'),"] if sent.upload else []
    told += [f"    extra_body={extra!r},"] if extra else []
    lines = ["import os"] if sent.has_key else []
    lines += ["from openai import OpenAI", ""]
    lines += [f"client = OpenAI(base_url={sent.url + '/v1'!r}, api_key={key})"]
    lines += [f"answer = client.{call}(", *told, ")"] if told else [f"answer = client.{call}()"]
    is_text = known.get("response_format") in _TEXTS
    printed = "print(answer)" if is_text else "print(answer.model_dump_json(indent=2))"
    shown = _STREAMED if known.get("stream") else [printed]
    return "\n".join([*lines, *shown, ""])
