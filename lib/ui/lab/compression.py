"""How well tokenizers compress: the samples and the typed text, on every chosen server.

Pure. Decided here: which published values stand beside a text. They are for languages, so a text
gets those of the language that its letters tell; where these tell none, it gets none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import regex

from lib.tokens.reference import LANGUAGES, SAMPLES, published
from lib.ui.plain import plain
from lib.ui.together import Found

__all__ = ["compression", "language"]

_SCRIPTS = {
    "Hiragana": "jpn",
    "Katakana": "jpn",
    "Hangul": "kor",
    "Han": "zho",
    "Cyrillic": "rus",
    "Arabic": "arb",
    "Devanagari": "hin",
    "Thai": "tha",
    "Tamil": "tam",
    "Ethiopic": "amh",
    "Myanmar": "mya",
}
_SCRIPT = regex.compile(
    "|".join(rf"(?P<{name}>\p{{{name}}})" for name in _SCRIPTS) + r"|(?P<L>\p{L})"
)
_ENGLISH = frozenset(("the", "of", "and", "to", "in", "is", "that", "it", "for", "was", "with"))
_LOOKED_AT = 4_000
_MOST = 0.8
_KANA = 0.1
_COMMON = 0.15
_SHOWN = 60


def compression(
    text: str, counts: Sequence[Mapping[str, Found[int]]], name: str = "your text"
) -> list[dict[str, object]]:
    """A row for each sample and one for `text`; `counts` are the tokens by text, per server."""
    rows = [_row(one.name, one.text, one.language, counts) for one in SAMPLES]
    if text:
        rows.append(_row(name, text, language(text), counts))
    return rows


def _row(
    name: str, text: str, code: str | None, counts: Sequence[Mapping[str, Found[int]]]
) -> dict[str, object]:
    known = [one.get(text, Found()) for one in counts]
    return {
        "name": name[0].upper() + name[1:],
        "sample": plain(text, _SHOWN),
        "characters": len(text),
        "bytes": len(text.encode("utf-8", "surrogatepass")),
        "counts": [one.value for one in known],
        "troubles": [plain(one.trouble, 200) for one in known],
        "language": LANGUAGES.get(code or "", ""),
        "published": _published(code),
    }


def _published(code: str | None) -> list[dict[str, object]]:
    found = published(code) if code else ()
    return [
        {"name": one.tokenizer, "value": one.characters_per_token, "source": one.source}
        for one in found
        if one.characters_per_token is not None
    ]


def language(text: str) -> str | None:
    """The language of a text whose letters leave no doubt, by its ISO 639-3 code; else None."""
    part = text[:_LOOKED_AT]
    letters = Counter(found.lastgroup for found in _SCRIPT.finditer(part))
    total = letters.total()
    if not total:
        return None
    kana = letters["Hiragana"] + letters["Katakana"]
    if kana >= _KANA * total and kana + letters["Han"] >= _MOST * total:
        return "jpn"
    for script, code in _SCRIPTS.items():
        if letters[script] >= _MOST * total:
            return code
    words = part.lower().split()
    common = sum(word in _ENGLISH for word in words)
    return "eng" if letters["L"] == total and common >= _COMMON * len(words) else None
