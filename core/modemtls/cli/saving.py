"""Files that results are written to: the whole result or what was there before."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from .failures import LocalError

__all__ = ["Target"]


class Target:
    """A file to be written later.  That it can be written is checked now, before anything is sent.

    An ordinary file is replaced in one step by one that was written beside it; a device or a FIFO is
    written to.

    :raises LocalError: there is no such folder, it is a folder, or writing is not permitted.
    """

    def __init__(self, name: str) -> None:
        self._path = Path(os.path.realpath(name))
        try:
            self._mode: int | None = self._path.stat().st_mode
        except FileNotFoundError:
            self._mode = None
        except OSError as error:
            raise LocalError(f"{name}: {error.strerror}") from None
        if self._mode is not None and stat.S_ISDIR(self._mode):
            raise LocalError(f"{name} is a folder: the output needs a file.")
        if not self._path.parent.is_dir():
            raise LocalError(f"{name}: there is no folder {self._path.parent}.")
        place = self._path if self._mode is not None else self._path.parent
        if not os.access(place, os.W_OK) or (self._is_replaced and not os.access(self._path.parent, os.W_OK)):
            raise LocalError(f"{name} may not be written.")

    @property
    def _is_replaced(self) -> bool:
        return self._mode is None or stat.S_ISREG(self._mode)

    def write(self, data: bytes) -> None:
        """Write all of ``data``.

        :raises OSError: it cannot be written; an ordinary file is as it was.
        """
        if not self._is_replaced:
            self._path.write_bytes(data)
            return
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).chmod(_usual_mode() if self._mode is None else stat.S_IMODE(self._mode))
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise


def _usual_mode() -> int:
    """The mode that a new file has by the umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
