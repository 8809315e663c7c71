"""Releases: which of two is newer, and which paths a key guards in which.

This module alone decides that. vLLM compares the beginning of the path only: whatever else a server
offers answers without its key, and a new release may guard more.
"""

import re

from lib.api.ways import Version

__all__ = ["guarded", "numbers", "written"]

_GUARDED: tuple[tuple[Version, tuple[str, ...]], ...] = (
    ((0, 28), ("/v1", "/v2", "/inference", "/cohere")),
    ((0, 22), ("/v1", "/v2", "/inference")),
    ((), ("/v1",)),
)
"""Beginnings of paths that a key guards, from which release on; the newest first."""
_NEWEST = (1 << 30,)


def numbers(version: str | None) -> Version:
    """`0.10.2` as numbers; a development build (`0.1.dev18…`) counts as newer than any release."""
    found = re.match(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?!\.?dev)", version or "")
    if not found or ".dev" in (version or ""):
        return _NEWEST
    return tuple(int(part) for part in found.groups("0"))


def written(version: Version) -> str:
    """A release as people write it; "" for none."""
    return ".".join(map(str, version))


def guarded(path: str, version: str | None) -> bool:
    """Whether a vLLM server of this release asks for its key, where it has one, on this path."""
    release = numbers(version)
    starts = next(starts for since, starts in _GUARDED if release >= since)
    return path.startswith(starts)
