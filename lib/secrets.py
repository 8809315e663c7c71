"""Keys and tokens in a text, taken out before anybody sees them.

This module alone decides what looks like a secret, in what a server says and in what it logged:
releases up to 0.28 print `api_key` and `hf_token` in clear, and a command line in a log always
does. A value that was once seen under a secret's name is taken out wherever else it stands.

A text may have some MB and nothing to hide: each pattern begins with a letter, and only then looks
at what is around it, for it is compared from each place where it may begin.
"""

import re

__all__ = ["HIDDEN", "Masker", "is_secret"]

HIDDEN = "[hidden]"

# ── What stands beside its name ──

_OF_TOKENS = ("access", "api", "auth", "bearer", "hf", "hub", "session", "wandb")
_OF_KEYS = (
    *("access", "account", "api", "auth", "encryption", "hf", "hub", "master", "private"),
    "secret",
)


def _of(owners: tuple[str, ...], word: str) -> str:
    """That a word, which was just read, has one of these before it."""
    length = len(word)
    each = (rf"(?<={one}.{{{length}}})|(?<={one}[_\-].{{{length}}})" for one in owners)
    return "|".join(each)


def _ends(alone: str = "", spaced: str = "") -> str:
    """How the name of a secret ends, whatever begins it: client_secret, clientSecret, PGPASSWORD.

    `alone` is where a mere token is one, too; `spaced` the same for a key.
    """
    return (
        r"[CcKkPpSsTtWw](?i:(?<=s)ecrets?|(?<=p)ass(?:w(?:or)?d|phrase)s?|(?<=c)redentials?"
        r"|(?<=w)atermark_config"
        rf"|(?<=k)ey(?:{_of(_OF_KEYS, 'key')}{spaced})s?"
        rf"|(?<=t)oken(?:(?:{_of(_OF_TOKENS, 'token')})s?{alone}))"
    )


_KIND = _ends()
_TOLD = _ends(r"|(?<!\w.{5})(?<!--.{5})", "|(?<=api .{3})")
_NAME = re.compile(rf"^(?i:token|(?:proxy-)?authorization)$|{_KIND}$")
_QUOTED = r"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?"
_VALUE = (
    rf"\w{{0,20}}\(?(?:{_QUOTED})|\\+['\"][^\\'\"\s]*|\[[^\]]*\]?|\([^)]*\)?|\{{[^}}]*\}}?"
    r"|[^\s,'\"\])}&|;]+"
)
"""What was opened and is not closed is all of the rest."""
_NAMED = re.compile(
    rf"({_TOLD}(?i:(?:\\*['\"])?"
    rf"(?:\s*(?:=|:(?!//))\s*|,?\s+['\"]?value['\"]?\s*[:=]\s*)))({_VALUE})"
)
_PROSE = re.compile(
    rf"({_TOLD}(?i: is:? ['\"]?))"
    r"(?=[^\s'\"]{0,200}[0-9])(?=[^\s'\"]{0,200}[A-Za-z])([^\s'\"]{8,200})"
)
"""A sentence; what has both letters and digits is a key, and no word."""

# ── What is known by itself ──

_WORD = r"[^\s'\",\-][^\s'\",]*['\"]?"
_FLAG = re.compile(
    rf"(--(?:[a-z0-9_\-]{{0,30}}?(?:{_KIND})|(?:[a-z0-9]{{1,20}}[_\-]){{0,5}}token)"
    rf"(?:=['\"]?-?|['\"]?(?:,\s*|\s+)['\"]?))({_WORD}(?:(?:,\s*|\s+)['\"]?{_WORD}){{0,7}})",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"([AaBb](?i:(?<=\ba)uthorization['\"]?\s*[:=]\s*['\"]?(?:\w+ )?|(?<=\bb)earer:?\s+))"
    r"[^\s'\"]{4,}"
)
_COOKIE = re.compile(r"([Cc](?<!\w.)(?i:ookie['\"]?\s*:\s*['\"]?))[^'\"\n]{4,}")
_SHAPED = re.compile(
    r"[Aeghnsx](?<!\w.)(?:(?<=h)f_[A-Za-z0-9]{20,}|(?<=s)k-[A-Za-z0-9_\-]{8,}"
    r"|(?<=g)h[pousr]_[A-Za-z0-9]{16,}|(?<=g)lpat-[A-Za-z0-9_\-]{12,}"
    r"|(?<=n)vapi-[A-Za-z0-9_\-]{16,}|(?<=A)Iza[A-Za-z0-9_\-]{30,}|(?<=A)KIA[0-9A-Z]{12,}"
    r"|(?<=x)ox[abprs]-[A-Za-z0-9\-]{8,}"
    r"|(?<=e)yJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?)"
)
_USER = re.compile(r"://(?<=[A-Za-z0-9+.\-]...)[^\s/?#'\"<>]+(?=@)")
_QUERY = re.compile(
    r"([?&](?:[\w\-]{0,40}[_\-])?(?:key|sig|signature|auth)=)[^\s&'\"]+", re.IGNORECASE
)
_HARMLESS = {"", "***", "none", "null", "true", "false", "hidden"}
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
        text = _HEADER.sub(_behind, text)
        text = _COOKIE.sub(_behind, text)
        text = _SHAPED.sub(HIDDEN, text)
        text = _USER.sub(f"://{HIDDEN}", text)
        text = _QUERY.sub(_behind, text)
        for one in sorted(self._seen, key=len, reverse=True):
            text = text.replace(one, HIDDEN)
        return text

    def _named(self, found: re.Match[str]) -> str:
        name, value = found.groups()
        if _is_harmless(value.strip("'\"[]() ")):
            return found[0]
        is_whole = value[0] in "[({" or value[-1] in "'\")"
        self.learn(value if is_whole else re.split(r"[\s,]", value)[0])
        return f"{name}{HIDDEN}"

    def _flag(self, found: re.Match[str]) -> str:
        value = found[2]
        self.learn(value.split()[0])  # what follows may be another key, or the model
        end = value[-1] if value[-1] in "'\"" else ""
        return f"{found[1]}{HIDDEN}{end}"


def _behind(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}"


def _is_harmless(value: str) -> bool:
    return value.lower() in _HARMLESS
