"""Credentials as an application gives them: a path, or the bytes of a PEM or DER file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .credentials import CredentialFile

__all__ = ["Source", "read_source"]

Source = str | Path | bytes


def read_source(source: Source) -> CredentialFile:
    """The certificates and keys in it.

    :raises CredentialError: there are none, or the file is damaged.
    :raises OSError: the file cannot be read.
    """
    from . import credentials

    if isinstance(source, bytes):
        return credentials.read(source)
    return credentials.read(Path(source).read_bytes(), source=str(source))
