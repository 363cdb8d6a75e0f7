"""A regular file of this machine as a tar archive of one member, read in worker threads, a piece at a time."""

import os
import stat
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from tarfile import PAX_FORMAT, TarInfo

from anyio import to_thread

from clab_runtime.errors import InvalidValueError, SourceFileError

PIECE = 256 * 1024
"""Bytes that are read at a time, and that are all of the file that is in memory."""

_BLOCK = 512
_END = bytes(2 * _BLOCK)


class SourceFile:
    """An open file, and how it was when it was opened."""

    def __init__(self, path: str, descriptor: int, status: os.stat_result) -> None:
        """Take over an open descriptor."""
        self.path = path
        self._descriptor = descriptor
        self._status = status

    async def archive(self, name: str) -> AsyncGenerator[bytes]:
        """Yield the archive; raise SourceFileError when the file is not what it was at the beginning.

        Mode and modification time are kept. The owner becomes root, since a number of this machine names nobody there.
        """
        yield self._header(name)
        left = self._status.st_size
        while left:
            piece = await to_thread.run_sync(self._read, min(left, PIECE))
            left -= len(piece)
            yield piece
        self._check_unchanged()
        yield bytes(-self._status.st_size % _BLOCK) + _END

    def _header(self, name: str) -> bytes:
        """Write the member's header, in POSIX's extended form where the plain one has no room."""
        info = TarInfo(name)
        info.size, info.mtime = self._status.st_size, self._status.st_mtime
        info.mode = stat.S_IMODE(self._status.st_mode)
        return info.tobuf(PAX_FORMAT, "utf-8")

    def _check_unchanged(self) -> None:
        """Hold the file against what it was."""
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise SourceFileError(self.path, "the file has changed while it was copied")

    def _read(self, size: int) -> bytes:
        """Read up to `size` bytes, at least one."""
        try:
            piece = os.read(self._descriptor, size)
        except OSError as exc:
            raise SourceFileError(self.path, f"the file can't be read: {exc.strerror}") from exc
        if not piece:
            raise SourceFileError(self.path, f"the file has become shorter than its {self._status.st_size} bytes")
        return piece


@contextmanager
def open_source(path: str) -> Generator[SourceFile]:
    """Open a regular file; raise InvalidValueError for what is none, or can't be read."""
    descriptor = _open(path)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise InvalidValueError("source", path, f"it is {kind}; name a regular file")
        yield SourceFile(path, descriptor, status)
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    """Open without waiting, which a FIFO would make us do."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise InvalidValueError("source", path, f"it can't be opened: {exc.strerror}") from exc
    except (TypeError, ValueError) as exc:
        raise InvalidValueError("source", path, "give the path of a file") from exc
