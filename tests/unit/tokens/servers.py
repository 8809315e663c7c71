"""Tokenizers that answer like a server: real ones, ones trained in a second, and recorded ones.

This module decides what is behind the questions of `lib.tokens` in its tests. The trained ones
have the shape of a well-known family; their vocabulary comes from the sample text below.
"""

import functools
import io
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mistral_common
import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

from lib.demo import tokenizers as demo
from lib.tokens import Alignment, Decode, Encode, Encoded, Profile, align, learn

SAMPLE = [
    "The quick brown fox jumps over the lazy dog; it cost 1,234.50 and nobody minded.",
    "def add(x, y):\n    return x + y  # <b>sum</b> [i] {k: v}\n\n\tfor i in range(10):",
    "Die Straße führt über den Fluß, naïve café, déjà vu, Ærøskøbing, Łódź, İstanbul.",
    "天地玄黄 宇宙洪荒 日月盈昃 辰宿列张，你好世界。请问今天的天气怎么样？",
    "ひらがなとカタカナ、漢字。ﾊﾝｶｸ ｶﾞｷﾞ 株式会社 ①②③ ﬁ ﬂ Ａ１",
    "안녕하세요 세계 한국어 글자 각 힣",
    "Привет, мир! Съешь ещё этих мягких французских булок. Ёлка.",
    "مرحبا بالعالم שלום עולם नमस्ते दुनिया สวัสดีชาวโลก வணக்கம்",
    "🙂 🎉 👩‍👩‍👦 👍🏽 🇩🇪 ❤️ \u200b\ufeff\u2028 \u2581 Ġ <0x0A> ##ing \ufffd",
] * 4

QWEN_LIKE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Server:
    """What a tokenizer behind a server does."""

    ids: Callable[[str, bool], list[int]]
    decode: Callable[[list[int]], str]
    pieces: Callable[[list[int]], list[str]] | None

    def answer(self, question: Encode | Decode) -> Encoded | str:
        if isinstance(question, Decode):
            return self.decode(list(question.ids))
        ids = self.ids(question.text, question.special is not False)
        pieces = self.pieces(ids) if self.pieces else None
        return Encoded(ids, pieces, question.special)

    def answer_pieces(self, text: str) -> tuple[list[int], list[str]]:
        """Ids and pieces of a text without what the server adds."""
        ids = self.ids(text, False)
        return ids, self.pieces(ids) if self.pieces else []

    def mute(self) -> "Server":
        """The same without pieces, like an old release."""
        return Server(self.ids, self.decode, None)

    def profile(self) -> Profile:
        return drive(learn(), self)

    def align(self, text: str, profile: Profile, **options) -> Alignment:
        encoded = self.answer(Encode(text, special=True))
        return drive(align(text, encoded, profile, **options), self)


def drive(conversation: Generator, server: "Server | Recorded"):
    """Answer every question of a conversation, and give what it returns."""
    try:
        question = next(conversation)
        while True:
            question = conversation.send(server.answer(question))
    except StopIteration as end:
        return end.value


@dataclass
class Recorded:
    """A tokenizer of which only one answer is known, and what some ids decode to."""

    texts: dict[tuple[int, ...], str]
    asked: int = 0

    def answer(self, question: Encode | Decode) -> Encoded | str:
        self.asked += 1
        return self.texts.get(question.ids, "")


def hugging_face(tokenizer: Tokenizer) -> Server:
    return Server(
        lambda text, special: tokenizer.encode(text, add_special_tokens=special).ids,
        lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
        lambda ids: [tokenizer.id_to_token(one) for one in ids],
    )


@functools.cache
def trained(name: str) -> Tokenizer:
    return {
        "qwen": lambda: _byte_level(normalizers.NFC(), ["<|im_start|>", "<|im_end|>"]),
        "llama3": lambda: _byte_level(None, ["<|begin_of_text|>"], bos="<|begin_of_text|>"),
        "llama2": _byte_fallback,
        "unigram": _unigram,
        "bert": _bert,
    }[name]()


def _byte_level(normalizer, special: Sequence[str], bos: str = "") -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    split = pre_tokenizers.Split(Regex(QWEN_LIKE), "isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAMPLE, trainer)
    if bos:
        tokenizer.post_processor = TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


def _byte_fallback() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, limit_alphabet=150, show_progress=False
    )
    # As in Llama 2 pieces never reach over a blank.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?[^▁]+|▁+"), "isolated")
    tokenizer.train_from_iterator(SAMPLE[:3] * 8, trainer)
    tokenizer.pre_tokenizer = None
    tokenizer = _bytes_not_special(tokenizer)
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def _bytes_not_special(tokenizer: Tokenizer) -> Tokenizer:
    """Byte tokens are ordinary entries of the vocabulary: nobody can type them."""
    import json  # noqa: PLC0415

    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [
        one for one in content["added_tokens"] if not one["content"].startswith("<0x")
    ]
    return Tokenizer.from_str(json.dumps(content))


def _unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=500,
        special_tokens=["<s>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAMPLE, trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return tokenizer


def _bert() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(SAMPLE[:7] * 4, trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


@functools.cache
def nmt() -> sentencepiece.SentencePieceProcessor:
    """A SentencePiece unigram model with its own nmt_nfkc, which joins blanks."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SAMPLE),
        model_writer=model,
        vocab_size=480,
        model_type="unigram",
        normalization_rule_name="nmt_nfkc",
        hard_vocab_limit=False,
        minloglevel=3,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def sentence_piece(processor: sentencepiece.SentencePieceProcessor) -> Server:
    return Server(
        lambda text, special: [processor.bos_id()] * special + processor.encode(text),
        processor.decode,
        lambda ids: [processor.id_to_piece(one) for one in ids],
    )


def _mistral(name: str) -> Server:
    path = Path(mistral_common.__file__).parent / "data" / name
    return sentence_piece(sentencepiece.SentencePieceProcessor(model_file=str(path)))


def _tekken(*, decoded: bool) -> Server:
    tekken = demo.load("tekken")
    return Server(
        lambda text, special: tekken.encode(text, add_special_tokens=special),
        tekken.decode,
        (lambda ids: [tekken.decode([one]) for one in ids]) if decoded else tekken.pieces,
    )


SERVERS: dict[str, Callable[[], Server]] = {
    "Tekken, byte-level": lambda: _tekken(decoded=False),
    "Tekken, decoded pieces": lambda: _tekken(decoded=True),
    "Mistral SentencePiece v1": lambda: _mistral("tokenizer.model.v1"),
    "Mistral SentencePiece v3": lambda: _mistral("mistral_instruct_tokenizer_240323.model.v3"),
    "SentencePiece nmt_nfkc": lambda: sentence_piece(nmt()),
    "Qwen-like": lambda: hugging_face(trained("qwen")),
    "Llama-3-like": lambda: hugging_face(trained("llama3")),
    "Llama-2-like": lambda: hugging_face(trained("llama2")),
    "Unigram NFKC": lambda: hugging_face(trained("unigram")),
    "BERT-like": lambda: hugging_face(trained("bert")),
}
"""Every tokenizer by the name that a failing test shows."""


@functools.cache
def known(name: str) -> tuple[Server, Profile]:
    """A tokenizer and what was learnt of it."""
    server = SERVERS[name]()
    return server, server.profile()


@functools.cache
def known_mute(name: str) -> tuple[Server, Profile]:
    """The same tokenizer behind a server that gives no pieces, and what was learnt of that."""
    mute = SERVERS[name]().mute()
    return mute, mute.profile()
