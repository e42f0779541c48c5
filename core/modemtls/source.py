"""Credentials as an application gives them: a path, or the content of a PEM or DER file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .credentials import CredentialFile

__all__ = ["NOTHING_OF_ITS_OWN", "OwnCredentials", "Source", "read_own", "read_source"]

Source = str | Path | bytes


@dataclass(frozen=True)
class OwnCredentials:
    """What a session was given for itself: CAs to verify by (``None``: not given), and a client's pair."""

    ca: tuple[CredentialFile, ...] | None = None
    certificate: CredentialFile | None = None
    key: CredentialFile | None = None

    def __bool__(self) -> bool:
        """Something was given."""
        return self.ca is not None or self.certificate is not None


NOTHING_OF_ITS_OWN = OwnCredentials()


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


def read_own(
    ca: Source | Iterable[Source] | None, certificate: Source | None, key: Source | None
) -> OwnCredentials:
    """What a session is given for itself.

    :raises ValueError: a certificate without its key, or a key without its certificate.
    """
    if (certificate is None) != (key is None):
        raise ValueError("a client certificate goes with its key: give both, or neither")
    if ca is not None:
        sources = (ca,) if isinstance(ca, str | Path | bytes) else tuple(ca)
    return OwnCredentials(
        None if ca is None else tuple(map(read_source, sources)),
        None if certificate is None else read_source(certificate),
        None if key is None else read_source(key),
    )
