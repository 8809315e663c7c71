"""What models want in front of a text: vLLM adds nothing, so whoever asks must.

Decided here: the presets, as their makers' model cards give them. A model that was trained with
such a prefix and gets none still answers, only worse, and nothing says so.
"""

from typing import NamedTuple

__all__ = ["NONE", "PRESETS", "Preset", "likely"]

_TASK = "Given a web search query, retrieve relevant passages that answer the query"


class Preset(NamedTuple):
    """What goes before a query and before a document; `models` are parts of models' names."""

    name: str
    query: str
    document: str
    models: tuple[str, ...] = ()
    note: str = ""


NONE = Preset("None", "", "", note="As sent: what all-MiniLM, BGE-M3 and GTE (v1.5) want.")
PRESETS = (
    Preset(
        "E5",
        "query: ",
        "passage: ",
        ("e5-small", "e5-base", "e5-large"),
        "Both sides; for symmetric tasks “query: ” on both.",
    ),
    Preset("E5 instruct", f"Instruct: {_TASK}\nQuery: ", "", ("e5-mistral", "e5-large-instruct")),
    Preset(
        "BGE English",
        "Represent this sentence for searching relevant passages: ",
        "",
        ("bge-small-en", "bge-base-en", "bge-large-en"),
        "Queries only; BGE-M3 wants none.",
    ),
    Preset(
        "BGE Chinese",
        "为这个句子生成表示以用于检索相关文章：",
        "",
        ("bge-small-zh", "bge-base-zh", "bge-large-zh"),
        "Queries only.",
    ),
    Preset(
        "Qwen3",
        f"Instruct: {_TASK}\nQuery:",
        "",
        ("qwen3-embedding",),
        "Queries only; no blank after “Query:”.",
    ),
    Preset("Nomic", "search_query: ", "search_document: ", ("nomic-embed",), "Both sides."),
    Preset(
        "GTE (Qwen2)",
        f"Instruct: {_TASK}\nQuery: ",
        "",
        ("gte-qwen",),
        "Queries only; GTE v1.5 and multilingual want none.",
    ),
)


def likely(model: str) -> Preset | None:
    """The preset that a model's name tells, if it tells one; the longest match counts."""
    name = model.lower()
    matches = [(len(part), one) for one in PRESETS for part in one.models if part in name]
    return max(matches, key=lambda match: match[0])[1] if matches else None
