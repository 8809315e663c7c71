"""What to compare a compression ratio with: known values with their sources, and sample texts.

Facts that the numbers rest on:

- Special tokens are left out: one per sentence would make Llama's English 4.28 instead of 4.39.
- Characters per token compare texts of one language only. Between languages the premium compares:
  tokens of a language over those of English, for the same sentences in both.
"""

from typing import NamedTuple

__all__ = [
    "LANGUAGES",
    "PUBLISHED",
    "SAMPLES",
    "Published",
    "Sample",
    "published",
]

LANGUAGES = {
    "eng": "English",
    "deu": "German",
    "fra": "French",
    "rus": "Russian",
    "zho": "Chinese",
    "jpn": "Japanese",
    "kor": "Korean",
    "arb": "Arabic",
    "hin": "Hindi",
    "tha": "Thai",
    "tam": "Tamil",
    "amh": "Amharic",
    "mya": "Burmese",
    "shn": "Shan",
}
"""The languages of the references, by their ISO 639-3 codes."""

_MEASURED = "measured for this dashboard on FLORES-200 dev (997 sentences), special tokens left out"
_PETROV = "Petrov et al. 2023, arXiv 2305.15425, on FLORES-200"


class Published(NamedTuple):
    """Characters per token of one tokenizer in one language, and its tokens over English ones.

    Either is None where the source does not give it.
    """

    tokenizer: str
    language: str
    characters_per_token: float | None
    premium: float | None
    source: str


class Sample(NamedTuple):
    """One kind of text, a text of that kind, and the language whose references fit it, if one's do.

    `controls`: it holds what chat models read as control tokens.
    """

    name: str
    text: str
    language: str | None = None
    controls: bool = False


_CODES = "eng deu fra rus zho jpn kor arb hin tha tam amh mya"
# Characters per token and premium in the order of the codes.
_TABLE = {
    "Llama 2, Mistral v3 (SentencePiece, 32k)": """
        4.39·1 3.27·1.57 3.28·1.59 2.56·1.89 0.90·1.64 0.89·2.15 0.90·2.47
        1.11·3.48 0.96·4.58 1.00·4.23 0.88·5.84 0.46·6.55 0.67·8.20""",
    "Qwen2.5, Qwen3 (151k)": """
        4.77·1 3.60·1.55 3.64·1.56 2.97·1.77 1.57·1.02 1.48·1.41 1.46·1.64
        2.58·1.63 1.07·4.45 1.79·2.56 0.91·6.10 0.79·4.11 0.66·8.93""",
    "Llama 3 (128k)": """
        4.85·1 3.62·1.57 3.66·1.58 3.26·1.64 1.26·1.30 1.40·1.52 1.64·1.49
        2.58·1.66 1.92·2.54 2.12·2.21 0.74·7.62 0.43·7.71 0.52·11.66""",
    "DeepSeek V3 (128k)": """
        4.87·1 3.78·1.51 3.79·1.53 3.35·1.61 1.71·0.96 1.49·1.43 1.48·1.65
        2.66·1.62 1.73·2.82 2.64·1.78 1.86·3.07 0.55·6.07 1.14·5.31""",
    "Mistral Tekken (131k)": """
        4.73·1 4.25·1.30 4.31·1.30 3.42·1.52 1.11·1.43 1.31·1.57 1.85·1.28
        3.34·1.25 2.64·1.79 1.92·2.37 2.54·2.17 0.43·7.54 1.82·3.24""",
    "GPT-4o (o200k)": """
        4.90·1 4.41·1.30 4.33·1.35 3.77·1.43 1.31·1.27 1.29·1.66 1.68·1.47
        3.13·1.38 3.11·1.58 2.42·1.95 2.90·1.98 0.57·5.88 1.92·3.18""",
    "Gemma 2 (256k)": """
        4.85·1 4.54·1.25 4.29·1.34 3.83·1.40 1.49·1.09 1.81·1.17 1.49·1.63
        2.87·1.49 2.61·1.86 2.55·1.83 2.19·2.58 1.04·3.19 1.26·4.79""",
    "Command-R (255k)": """
        4.86·1 4.33·1.31 4.37·1.32 4.19·1.28 1.55·1.06 1.75·1.22 1.94·1.26
        2.89·1.49 1.50·3.24 1.00·4.66 0.89·6.36 0.52·6.39 0.68·8.85""",
}
_PETROV_TABLE = {
    "GPT-4 (cl100k)": """eng 4.91·1 deu 3.62·1.58 rus 2.15·2.49 zho 0.86·1.91 jpn 0.93·2.30
        kor 1.04·2.38 arb 1.43·3.04 hin 1.02·4.79 tha 1.07·4.39 tam 0.75·7.65 mya 0.52·11.70
        shn 0.46·15.05""",
    "GPT-2": "zho -·3.21 hin -·7.46 mya -·16.9 shn -·18.8",
    "XLM-R": "zho -·0.97 hin -·1.25 tha -·1.08 mya -·1.72",
}


def _row(tokenizer: str, language: str, pair: str, source: str) -> Published:
    characters, premium = pair.split("·")
    return Published(
        tokenizer,
        language,
        None if characters == "-" else float(characters),
        float(premium),
        source,
    )


def _all() -> tuple[Published, ...]:
    measured = [
        _row(tokenizer, language, pair, _MEASURED)
        for tokenizer, pairs in _TABLE.items()
        for language, pair in zip(_CODES.split(), pairs.split(), strict=True)
    ]
    petrov = [
        _row(tokenizer, language, pair, _PETROV)
        for tokenizer, pairs in _PETROV_TABLE.items()
        for language, pair in zip(pairs.split()[::2], pairs.split()[1::2], strict=True)
    ]
    return (*measured, *petrov)


PUBLISHED = _all()
"""All references, tokenizer by tokenizer."""


def published(language: str) -> tuple[Published, ...]:
    """The references for one language, the best compression first, those without one last."""
    found = [one for one in PUBLISHED if one.language == language]
    return tuple(sorted(found, key=lambda one: -(one.characters_per_token or 0.0)))


SAMPLES = (
    Sample("short Chinese", "早上好,朋友", "zho"),
    Sample(
        "long Chinese",
        "昨天傍晚下了一场大雨,山路变得又湿又滑。老李撑着旧伞慢慢走回村里,看见邻居家的灯还亮着,"
        "便敲门进去喝了一杯热茶,两个人聊起了今年的收成和孩子们的学业。",
        "zho",
    ),
    Sample("mixed", "Please 帮我订 two tickets 去上海的 train,谢谢 very much!"),
    Sample(
        "code",
        "def mean(values: list[float]) -> float | None:\n"
        "    if not values:\n"
        "        return None\n"
        "    return sum(values) / len(values)\n",
    ),
    Sample("digits and dates", "2031-08-17 06:45:09, +49 30 901820, €1,499.90, 12.5 %, 6.022e23"),
    Sample(
        "special characters",
        "🦊👩‍🚀🏳️‍🌈 → ∑ ½ “ok”\t|\r\n<|im_start|>user\nhi<|im_end|>",
        controls=True,
    ),
)
"""The six kinds of text that courses compare tokenizers by."""
