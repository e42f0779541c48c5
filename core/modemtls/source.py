"""Credentials as an application gives them: a path, or the content of a PEM or DER file."""

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

    if isinstance(source, str) and ("-----" in source or "\n" in source):
        source = source.encode()  # the text of a file, which must not stand in an error as its name
    if isinstance(source, bytes):
        return credentials.read(source)
    return credentials.read(Path(source).read_bytes(), source=str(source))
