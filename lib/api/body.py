"""Body: an answer's bytes, capped on the wire and after inflating.

This module alone decides how much of an answer is taken in, before anything looks at it. A few
kilobytes can inflate to gigabytes, so inflating stops at the cap.
"""

import zlib
from collections.abc import Mapping

from lib.api.errors import Reason, Unfit

__all__ = ["Body"]


class Body:
    """Collects the body of one answer; `limit` counts inflated bytes.

    With `cut`, a longer body is no failure: its beginning is kept, and `is_full` says so.

    Raises:
        Unfit: from any method: it is too large, or its compression cannot be read.
    """

    def __init__(self, headers: Mapping[str, str], limit: int, *, cut: bool = False) -> None:
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise Unfit(Reason.ENCODING, f"content-encoding {encoding[:40]!r}")
        length = headers.get("content-length", "")
        if not cut and length.isascii() and length.isdigit() and int(length[:18]) > limit:
            raise Unfit(Reason.TOO_LARGE, f"{length[:18]} bytes announced, {limit} are read")
        self._inflater = zlib.decompressobj(31) if "gzip" in encoding else None
        self._parts: list[bytes] = []
        self._limit, self._size, self._wire = limit, 0, 0
        self._cut, self.is_full = cut, False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes from the wire."""
        self._wire += len(chunk)
        part = chunk if self._inflater is None else self._inflated(self._inflater, chunk)
        self._size += len(part)
        if self._cut and self._size > self._limit:
            part = part[: len(part) - (self._size - self._limit)]
            self.is_full = True
        elif max(self._size, self._wire) > self._limit:
            raise Unfit(Reason.TOO_LARGE, f"more than {self._limit} bytes")
        self._parts.append(part)

    def whole(self) -> bytes:
        """Everything, once the wire has ended."""
        if (
            self._inflater is not None
            and not self.is_full
            and not self._inflater.eof
            and self._wire
        ):
            raise Unfit(Reason.ENCODING, "the compressed body is cut short")
        return b"".join(self._parts)

    def _inflated(self, inflater: "zlib._Decompress", chunk: bytes) -> bytes:
        try:
            part = inflater.decompress(chunk, self._limit - self._size + 1)
        except zlib.error as error:
            raise Unfit(Reason.ENCODING, str(error)) from None
        if inflater.unused_data:
            raise Unfit(Reason.ENCODING, "something follows the compressed body")
        return part
