"""Keys and tokens in a log, taken out before anybody sees them.

Releases up to 0.28 print `api_key` and `hf_token` in clear, and a command line in a log always
does. This module alone decides what looks like a secret. A value that was once seen under a
secret's name is taken out wherever else it stands.
"""

import re

__all__ = ["HIDDEN", "Masker", "is_secret"]

HIDDEN = "[hidden]"
_KIND = (
    r"(?:hf|hub|auth|access|bearer|session|api|github|wandb)[_\-]?tokens?"
    r"|(?:api|access|account|encryption|master|secret|private)[_\-]?keys?|secrets?"
    r"|passwords?|passwd|passphrase|credentials?"
    r"|watermark_config"
)
_NAME = re.compile(rf"^token$|(?:^|[_.\-]){_KIND.join(('(?:', ')'))}$", re.IGNORECASE)
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_VALUE = (
    rf"\w{{0,20}}\(?(?:{_QUOTED})|\\+['\"][^\\'\"\s]*|\[[^\]\n]*\]?|\([^)\n]*\)?|\{{[^}}\n]*\}}?"
    r"|['\"]?[^\s,'\"\])}&|;]+"
)
_NAMED = re.compile(
    rf"((?:(?<![A-Za-z0-9])(?<!--)(?:{_KIND}|api key)|(?<!\w)(?<!--)token)(?:\\*['\"])?"
    rf"(?:\s*(?:=|:(?!//))\s*|,?\s+['\"]?value['\"]?\s*[:=]\s*))({_VALUE})",
    re.IGNORECASE,
)
_WORD = r"[^\s'\",\-][^\s'\",]*['\"]?"
_FLAG = re.compile(
    rf"(--(?:[a-z0-9]{{1,20}}[_\-]){{0,5}}(?:{_KIND}|token)(?:=['\"]?-?|['\"]?(?:,\s*|\s+)['\"]?))"
    rf"({_WORD}(?:(?:,\s*|\s+)['\"]?{_WORD}){{0,7}})",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(\bAuthorization['\"]?\s*[:=]\s*['\"]?(?:\w+ )?|\bBearer:?\s+)[^\s'\"]{4,}", re.IGNORECASE
)
_PROSE = re.compile(
    rf"(\b(?:{_KIND}|api key|token) is:? ['\"]?)"
    r"(?=[^\s'\"]{0,200}[0-9])(?=[^\s'\"]{0,200}[A-Za-z])([^\s'\"]{8,200})",
    re.IGNORECASE,
)
"""A sentence; what has both letters and digits is a key, and no word."""
_COOKIE = re.compile(r"(\b(?:Set-)?Cookie['\"]?\s*:\s*['\"]?)[^'\"\n]{4,}", re.IGNORECASE)
_SHAPED = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_\-]{8,}|gh[pousr]_[A-Za-z0-9]{16,}"
    r"|nvapi-[A-Za-z0-9_\-]{16,}|AIza[A-Za-z0-9_\-]{30,}|AKIA[0-9A-Z]{12,}"
    r"|xox[abprs]-[A-Za-z0-9\-]{8,}|glpat-[A-Za-z0-9_\-]{12,}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?)"
)
_USER = re.compile(r"(\b[a-z][a-z0-9+.\-]{1,20}://)[^\s/?#'\"<>]+@", re.IGNORECASE)
_QUERY = re.compile(
    r"([?&](?:[\w\-]{0,40}[_\-])?(?:key|sig|signature|auth)=)[^\s&'\"]+", re.IGNORECASE
)
_HARMLESS = {"", "***", "none", "null", "true", "false", HIDDEN}
_PIECE = re.compile(r"[^\s,'\"\[\](){}]+")
_MOST, _SHORTEST = 64, 6


def is_secret(name: str) -> bool:
    """Whether an argument or a field of that name holds a secret."""
    return _NAME.search(name) is not None


class Masker:
    """Takes secrets out of texts, and remembers them for the texts to come."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def learn(self, value: str) -> None:
        """What stands under a secret's name: one value or a list of them."""
        for piece in _PIECE.findall(value):
            if len(piece) >= _SHORTEST and len(self._seen) < _MOST and not _is_harmless(piece):
                self._seen.add(piece)

    def masked(self, text: str) -> str:
        """The text without what looks like a secret or is known as one."""
        text = _NAMED.sub(self._named, text)
        text = _PROSE.sub(self._named, text)
        text = _FLAG.sub(self._flag, text)
        text = _HEADER.sub(rf"\1{HIDDEN}", text)
        text = _COOKIE.sub(rf"\1{HIDDEN}", text)
        text = _SHAPED.sub(HIDDEN, text)
        text = _USER.sub(rf"\1{HIDDEN}@", text)
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
        for one in sorted(self._seen, key=len, reverse=True):
            text = text.replace(one, HIDDEN)
        return text

    def _named(self, found: re.Match[str]) -> str:
        name, value = found.groups()
        if _is_harmless(value.strip("'\"[]() ")):
            return found[0]
        self.learn(value)
        return f"{name}{HIDDEN}"

    def _flag(self, found: re.Match[str]) -> str:
        value = found[2]
        self.learn(value.split()[0])  # what follows may be another key, or the model
        end = value[-1] if value[-1] in "'\"" else ""
        return f"{found[1]}{HIDDEN}{end}"


def _is_harmless(value: str) -> bool:
    return value.lower() in _HARMLESS
