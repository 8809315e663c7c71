"""What Python prints of a dictionary, a Namespace or a configuration, read as names and values.

Values hold what no parser of Python reads (`<CompilationMode.NONE: 0>`, objects, a cut end), so
this one only follows brackets and quotes. Values stay text.
"""

from collections.abc import Iterator

__all__ = ["pairs", "unquoted"]

_OPEN, _CLOSE = "([{", ")]}"
_MOST = 600


def pairs(text: str, sign: str) -> dict[str, str]:
    """`a=1, b=[2, 3]` with sign "=", `{'a': 1}` with sign ":"; as far as it goes, 600 at most."""
    found: dict[str, str] = {}
    for part in _parts(text.strip().removeprefix("{").removesuffix("}")):
        name, there, value = part.partition(sign)
        name = unquoted(name.strip())
        if there and name and len(found) < _MOST and len(name) <= 80:
            found[name] = unquoted(value.strip())
    return found


def unquoted(text: str) -> str:
    """Without the quotes around all of it."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _parts(text: str) -> Iterator[str]:
    """What commas outside of brackets and quotes keep apart."""
    start, depth, quote, escaped = 0, 0, "", False
    for at, char in enumerate(text):
        if quote:
            quote, escaped = _inside(char, quote, escaped)
        elif char in "'\"" and (at == start or not text[at - 1].isalnum()):
            quote = char
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth = max(0, depth - 1)
        elif char == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _inside(char: str, quote: str, escaped: bool) -> tuple[str, bool]:
    """The quote that is still open after a character, and whether the next one is escaped."""
    if escaped:
        return quote, False
    if char == "\\":
        return quote, True
    return ("" if char == quote else quote), False
