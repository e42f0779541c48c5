"""Certificates and private keys as files: read, judge, normalise, fingerprint, pair.

:func:`read` takes a file as people have it (PEM, DER, one object or many, copied from a web page) and
gives frozen records.  What is certainly meant is mended and noted; what is not certain is refused with
its line.  :func:`lint` judges the records before a modem's flash is touched; :func:`check` turns its
first error into an exception.
"""

from __future__ import annotations

from .lint import LintFinding, Severity, check, lint, suggested_kind
from .reading import MAX_FILE_BYTES, read
from .records import Certificate, CredentialFile, Note, PrivateKey, bundle, pairs

__all__ = [
    "MAX_FILE_BYTES",
    "Certificate",
    "CredentialFile",
    "LintFinding",
    "Note",
    "PrivateKey",
    "Severity",
    "bundle",
    "check",
    "lint",
    "pairs",
    "read",
    "suggested_kind",
]
