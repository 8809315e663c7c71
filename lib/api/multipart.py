"""Multipart: a form with a file, as bytes.

This module alone decides how one is written. Names are escaped as browsers do.
"""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from lib.api.calls import Upload

__all__ = ["File", "form"]

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class File(NamedTuple):
    """A file of a form."""

    name: str
    kind: str  # its content type
    content: bytes

    def __repr__(self) -> str:
        return f"File({len(self.content)} bytes)"


def form(fields: Mapping[str, str], file: File | None, *, under: str = "file") -> Upload:
    """The body of a form; the file stands under the name `under`.

    Raises:
        UnicodeEncodeError: a text holds half a character.
    """
    boundary = secrets.token_hex(16)
    parts = [
        _part(boundary, f'name="{_name(name)}"', value.encode()) for name, value in fields.items()
    ]
    if file is not None:
        told = f'name="{_name(under)}"; filename="{_name(file.name)}"'
        kind = "".join(char for char in file.kind if char.isascii() and char.isprintable())
        parts.append(_part(boundary, told, file.content, kind or "application/octet-stream"))
    body = b"".join((*parts, f"--{boundary}--\r\n".encode()))
    return Upload(body, f"multipart/form-data; boundary={boundary}")


def _part(boundary: str, told: str, content: bytes, kind: str = "") -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {told}\r\n"
    head += f"Content-Type: {kind}\r\n" if kind else ""
    return head.encode() + b"\r\n" + content + b"\r\n"


def _name(text: str) -> str:
    return text.translate(_ESCAPES)
