"""Text to token ids and back, with two real vocabularies of different families.

The vocabularies ship in the `mistral_common` wheel, so nothing is downloaded: Tekken, a byte-level
BPE run by `tiktoken`, and a SentencePiece model with byte fallback. This module decides what a
server says about a token: its id, its text, and its raw piece as vLLM spells it for that family
(byte-level `Ġ` for a space, `▁` and `<0xE4>` for SentencePiece). As in vLLM the text of a special
token inside a prompt counts as that token, and decoding keeps special tokens and drops unknown
ids.
"""

import base64
import codecs
import functools
import importlib.util
import json
import re
import threading
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

import sentencepiece
import tiktoken

__all__ = ["SentencePiece", "Tekken", "Tokenizer", "load"]

TEKKEN_FILE = "tekken_240718.json"
SENTENCEPIECE_FILE = "mistral_instruct_tokenizer_241114.model.v7"

# The file names only the ordinary tokens; `mistral_common` holds these, in this order.
TEKKEN_SPECIAL = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]"),
    *("[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    "[TOOL_CONTENT]",
)


class Vocabulary(Protocol):
    """What a family must know; the rest is the same for all."""

    size: int
    special: dict[str, int]
    """Text of each special token, and its id."""
    leads: bool
    """Whether it puts a space before every text, which decoding drops."""

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: list[int]) -> str: ...

    def piece(self, token: int) -> str: ...

    def raw(self, token: int) -> bytes:
        """What the token stands for in a running text."""
        ...


class Tekken:
    """Byte-level BPE: `special` tokens first, then one token per rank."""

    leads = False

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_bytes())
        config = content["config"]
        self.size = int(config["default_vocab_size"])
        reserved = int(config["default_num_special_tokens"])
        unnamed = (f"<SPECIAL_{number}>" for number in range(len(TEKKEN_SPECIAL), reserved))
        self.special = {text: token for token, text in enumerate((*TEKKEN_SPECIAL, *unnamed))}
        self._reserved = reserved
        self._bpe = tiktoken.Encoding(
            path.stem,
            pat_str=config["pattern"],
            mergeable_ranks={
                base64.b64decode(entry["token_bytes"]): int(entry["rank"])
                for entry in content["vocab"][: self.size - reserved]
            },
            special_tokens={},
        )

    def encode(self, text: str) -> list[int]:
        return [rank + self._reserved for rank in self._bpe.encode_ordinary(text)]

    def decode(self, ids: list[int]) -> str:
        return self._bpe.decode([token - self._reserved for token in ids], errors="replace")

    def piece(self, token: int) -> str:
        alphabet = _byte_alphabet()
        return "".join(alphabet[byte] for byte in self.raw(token))

    def raw(self, token: int) -> bytes:
        return self._bpe.decode_single_token_bytes(token - self._reserved)


class SentencePiece:
    """A SentencePiece model; what it cannot spell falls back to bytes, so no text is lost."""

    leads = True

    def __init__(self, path: Path) -> None:
        self._model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.size = int(self._model.vocab_size())
        self.special = {
            self.piece(token): token
            for token in range(self.size)
            if self._model.is_control(token) or self._model.is_unknown(token)
        }

    def encode(self, text: str) -> list[int]:
        return list(self._model.encode(text))

    def decode(self, ids: list[int]) -> str:
        return str(self._model.decode(ids))

    def piece(self, token: int) -> str:
        return str(self._model.id_to_piece(token))

    def raw(self, token: int) -> bytes:
        piece = self.piece(token)
        if self._model.is_byte(token):
            return bytes([int(piece[1:-1], 16)])
        return piece.replace("\u2581", " ").encode()


class Tokenizer:
    """A vocabulary and what all families do alike around it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._special_text = {token: text for text, token in vocabulary.special.items()}
        texts = sorted(vocabulary.special, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, texts)) + ")").split

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """The ids of a text, after the start token if that is asked for."""
        special = self._vocabulary.special
        ids = [special["<s>"]] if add_special_tokens else []
        for part in self._split(text):
            if part in special:
                ids.append(special[part])
            elif part:
                ids += self._vocabulary.encode(part)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; a cut-off character becomes U+FFFD."""
        known = (token for token in ids if 0 <= token < self._vocabulary.size)
        runs = groupby(known, key=lambda token: token in self._special_text)
        return "".join(
            "".join(self._special_text[token] for token in run)
            if special
            else self._vocabulary.decode(list(run))
            for special, run in runs
        )

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The raw vocabulary piece of each id."""
        return [self._special_text.get(token) or self._vocabulary.piece(token) for token in ids]

    def growth(self, ids: Sequence[int]) -> list[str]:
        """What each id adds to the text of them all; a character comes with its last byte."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        grown: list[str] = []
        begins = True
        for token in ids:
            if token in self._special_text:
                grown.append(self._special_text[token])
                begins = True
                continue
            text = decoder.decode(self._raw(token))
            # The space before the first word is how the family spells a beginning.
            grown.append(text.removeprefix(" ") if begins and self._vocabulary.leads else text)
            begins = False
        return grown

    def _raw(self, token: int) -> bytes:
        return self._vocabulary.raw(token) if 0 <= token < self._vocabulary.size else b""

    @property
    def size(self) -> int:
        """How many ids there are."""
        return self._vocabulary.size

    @property
    def end(self) -> int:
        """The id of the token that ends an answer."""
        return self._vocabulary.special["</s>"]


@functools.cache
def _byte_alphabet() -> tuple[str, ...]:
    """GPT-2's letter for each byte: printable ones stand for themselves, the others follow 255."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return tuple(chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256))


_loaded: dict[str, Tokenizer] = {}
_loading = threading.Lock()


def load(family: str) -> Tokenizer:
    """The tokenizer of a family, `tekken` or `sentencepiece`; read on first use, then shared."""
    with _loading:
        if family not in _loaded:
            _loaded[family] = Tokenizer(_vocabulary(family))
        return _loaded[family]


def _vocabulary(family: str) -> Vocabulary:
    if family == "tekken":
        return Tekken(_data() / TEKKEN_FILE)
    return SentencePiece(_data() / SENTENCEPIECE_FILE)


def _data() -> Path:
    """Where the wheel keeps its vocabularies, found without importing all that it brings."""
    spec = importlib.util.find_spec("mistral_common")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the mistral_common wheel carries the demo's vocabularies")
    return Path(spec.origin).parent / "data"
