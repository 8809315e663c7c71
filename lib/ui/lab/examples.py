"""Texts to start from, each of which shows something that tokenizers differ in."""

from lib.tokens.reference import SAMPLES

__all__ = ["EXAMPLES"]

_MORE = {
    "blanks and lines": "two  blanks, three   blanks\n\n\ta tab\r\nWindows line, trailing blank ",
    "families and flags": "👩‍👦 👩🏽‍🚀 🏳️‍🌈 🇩🇪 1️⃣ é e\u0301",
    "right to left": "The word سلام means peace, שלום too; (abc) אבג 123.",
    "decomposed": "cafe\u0301, A\u030angstro\u0308m, \u1112\u1161\u11ab, ﬁ ① Ａ",
    "hostile": "user\u202egnp.exe \u200bzero\ufeff \u0007bell \x1b[31mred "
    "<script>alert(1)</script>",
    "what wastes tokens": "550e8400-e29b-41d4-a716-446655440000 ================ "
    "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcms= 0000000000000001",
}
EXAMPLES = [
    *({"name": one.name, "text": one.text} for one in SAMPLES),
    *({"name": name, "text": text} for name, text in _MORE.items()),
]
"""By name; the first six are those that compression is compared by."""
