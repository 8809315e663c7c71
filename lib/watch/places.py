"""Where a watcher and its dashboards meet: the socket, and the lock that admits one watcher.

The socket lies in a folder of the temporary directory that only this user may enter, under a name
made of the data folder's path. The lock lies in the data folder itself, so that two containers
which share it also share the lock; where the data folder can't be written, beside the socket.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["AlreadyWatchedError", "Lock", "PlaceError", "socket_path"]

LOCK_NAME = "watch.lock"


class PlaceError(Exception):
    """The meeting place can't be used safely; the text is one plain sentence."""


class AlreadyWatchedError(Exception):
    """Another watcher holds the data folder."""


def socket_path(data: Path) -> Path:
    """The socket of the watcher of a data folder; makes its folder. Raises PlaceError."""
    return _folder() / f"{_digest(data)}.sock"


class Lock:
    """The right to write into a data folder, held until the process ends or `release`.

    Raises:
        AlreadyWatchedError: another process holds it.
        PlaceError: neither place for the lock file can be used.
    """

    def __init__(self, data: Path) -> None:
        self._file = _lock_file(data)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise AlreadyWatchedError(str(data)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let another watcher begin."""
        os.close(self._file)


def _lock_file(data: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(data / LOCK_NAME, flags, 0o600)
    except OSError:
        return os.open(_folder() / f"{_digest(data)}.lock", flags, 0o600)


def _digest(data: Path) -> str:
    return hashlib.sha256(str(data.expanduser().resolve()).encode()).hexdigest()[:16]


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"vllm-inspector-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise PlaceError(f"{folder} can't be made: {error.strerror}; set TMPDIR.") from error
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_ours or found.st_mode & 0o077:
        raise PlaceError(f"{folder} is open to other users; remove it or set TMPDIR.")
    return folder
