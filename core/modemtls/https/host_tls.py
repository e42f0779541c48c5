"""TLS on this computer without I/O: bytes of the wire in and out, bytes of the application in and out.

:func:`abilities` says what the linked OpenSSL enforces of a policy, :func:`client_context` makes it do so, and
:class:`HostTls` is one connection.  Only the given anchors are trusted, never those of the operating system; an
intermediate CA among them is an anchor too.  A name is compared with subjectAltName alone.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from ..errors import CredentialError, Reason, TlsError, Unsupported
from ..policy import Check, Enforcement, Gap, TlsProfile, TlsVersion, VerifyPolicy
from .host_errors import Peer, failure

__all__ = ["ClientCredential", "HostTls", "abilities", "client_context", "library", "name_for_tls"]

T = TypeVar("T")

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which the ssl module does not name.
_NO_CHECK_TIME = 0x200000
_CHAIN_SETS = frozenset(
    {
        frozenset({Check.CHAIN}),
        frozenset({Check.CHAIN, Check.HOSTNAME}),
        frozenset({Check.CHAIN, Check.DATES}),
        frozenset(Check),
    }
)
_ALL_SUITES = "ALL:!aNULL:!eNULL:!PSK:!SRP"
#: Bytes of the wire that may come without one of the application's: handshake, tickets, renewed keys.
_MAX_OVERHEAD_BYTES = 262_144


@dataclass(frozen=True)
class ClientCredential:
    """A client certificate with its chain, and its key, as PEM; nothing of the key is shown."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)


def library() -> str:
    """Name and version of the library that runs TLS here."""
    return " ".join(ssl.OPENSSL_VERSION.split()[:2])


def name_for_tls(host: str) -> str:
    """The host as it stands in SNI and in certificates: without the dot of the root."""
    return host.removesuffix(".")


@cache
def _suites() -> dict[int, str]:
    """The cipher suites that can be chosen here: OpenSSL's names by IANA number."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(_ALL_SUITES)
    return {suite["id"] & 0xFFFF: suite["name"] for suite in context.get_ciphers()}


def _suites_of_1_3() -> frozenset[int]:
    return frozenset(number for number in _suites() if _is_of_1_3(number))


def _is_of_1_3(suite: int) -> bool:
    return suite >> 8 == 0x13


def abilities(policy: VerifyPolicy) -> Enforcement:
    """What this computer enforces of ``policy``.

    The suites of TLS 1.3 can be taken all together or not at all where the ssl module has no way to choose them.
    """
    suites = frozenset(_suites())
    wanted = frozenset(filter(_is_of_1_3, policy.cipher_suites))
    cannot_choose: tuple[tuple[Gap, str], ...] = ()
    if not hasattr(ssl.SSLContext, "set_ciphersuites") and not wanted >= _suites_of_1_3():
        suites -= _suites_of_1_3()
        if wanted:
            cannot_choose = (
                (
                    Gap.CIPHER_SUITES,
                    "This Python takes the suites of TLS 1.3 all together: "
                    f"{', '.join(f'0x{suite:04X}' for suite in sorted(_suites_of_1_3()))}.",
                ),
            )
    versions = {TlsVersion.TLS1_2} | ({TlsVersion.TLS1_3} if ssl.HAS_TLSv1_3 else set())
    return Enforcement(
        check_sets=_CHAIN_SETS
        if _knows_no_check_time()
        else frozenset(s for s in _CHAIN_SETS if Check.DATES in s),
        minimum_versions=frozenset(versions),
        maximum_versions=frozenset(versions),
        cipher_suites=suites,
        server_name=True,
        resumption=True,
        unknown_because=cannot_choose,
    )


def _knows_no_check_time() -> bool:
    """OpenSSL has the flag since 1.1.0; what its relatives do with it is not known here."""
    return ssl.OPENSSL_VERSION.startswith("OpenSSL ")


def client_context(
    profile: TlsProfile, anchors: Sequence[bytes], client: ClientCredential | None
) -> ssl.SSLContext:
    """A context that demands what ``profile`` says; ``anchors`` are CA certificates as PEM.

    :raises CredentialError: OpenSSL does not take an anchor, or the client's certificate or key.
    :raises Unsupported: OpenSSL lacks what the profile demands after all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = Check.HOSTNAME in profile.checks
    context.verify_mode = ssl.CERT_REQUIRED if Check.CHAIN in profile.checks else ssl.CERT_NONE
    context.hostname_checks_common_name = False
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    flags = int(context.verify_flags) | ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    if Check.DATES not in profile.checks:
        flags |= _NO_CHECK_TIME
    context.verify_flags = ssl.VerifyFlags(flags)
    if int(context.verify_flags) & _NO_CHECK_TIME != flags & _NO_CHECK_TIME:
        raise Unsupported(
            f"{library()} cannot leave the dates unchecked. Nothing was sent.",
            remedy="Demand the check of the dates.",
            reasons={Reason.NOT_SUPPORTED},
        )
    _set_suites(context, profile)
    if Check.CHAIN in profile.checks:
        try:
            context.load_verify_locations(cadata=b"".join(anchors).decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise CredentialError(
                f"{library()} does not take a certificate of the trust set: {_words(error)}.",
                remedy="modemtls cert lint FILE says what is unusual in it.",
                reasons={Reason.MALFORMED},
            ) from None
    if client is not None:
        _load(context, client)
    return context


def _set_suites(context: ssl.SSLContext, profile: TlsProfile) -> None:
    """Versions and cipher suites; where only those of one version are listed, no other version is spoken."""
    lowest = ssl.TLSVersion(int(profile.minimum_version or TlsVersion.TLS1_2))
    highest = ssl.TLSVersion(int(profile.maximum_version or TlsVersion.TLS1_3))
    new = [_suites()[suite] for suite in profile.cipher_suites if _is_of_1_3(suite)]
    old = [_suites()[suite] for suite in profile.cipher_suites if not _is_of_1_3(suite)]
    if old and not new:
        highest = min(highest, ssl.TLSVersion.TLSv1_2)
    if new and not old:
        lowest = ssl.TLSVersion.TLSv1_3
    if old:
        context.set_ciphers(":".join(old))
    chooser: Callable[[str], None] | None = getattr(context, "set_ciphersuites", None)
    if new and chooser is not None:
        chooser(":".join(new))
    context.minimum_version, context.maximum_version = lowest, highest


def _load(context: ssl.SSLContext, client: ClientCredential) -> None:
    """Give OpenSSL the client's certificate and key; the ssl module takes them from a file only.

    Without ``password`` it would ask on the terminal for the one of a key that is encrypted after all.
    """
    try:
        if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
            descriptor = os.memfd_create("modemtls")  # memory only: the key touches no disk
            try:
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(client.key + client.chain)
                context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: "")
            finally:
                os.close(descriptor)
            return
        with tempfile.TemporaryDirectory() as folder:  # readable by its owner alone
            path = Path(folder) / "client.pem"
            path.write_bytes(client.key + client.chain)
            context.load_cert_chain(path, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise CredentialError(
            f"{library()} does not take the client's certificate and key: {_words(error)}.",
            remedy="modemtls cert lint FILE says what is unusual in them.",
            reasons={Reason.MALFORMED, Reason.WEAK_OR_UNSUPPORTED_KEY},
        ) from None


def _words(error: Exception) -> str:
    """OpenSSL's own name of a cause, which holds nothing of a file's content."""
    reason = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if isinstance(reason, str) else type(error).__name__


class HostTls:
    """TLS of one connection: what comes is fed, what is to go is taken.

    ``received_bytes``/``sent_bytes``: of the wire, handshake included.

    :raises TlsError: (each method) the handshake or a record failed; :class:`CertificateError` when the peer's
        certificate was refused.  What is left in :meth:`outgoing` then is the alert for the peer.
    """

    def __init__(self, context: ssl.SSLContext, peer: Peer, session: ssl.SSLSession | None = None) -> None:
        self._peer = peer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=peer.name, session=session)
        self._overhead = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.is_established = False
        self.has_ended = False
        """The peer has ended the stream as TLS demands: nothing was cut off."""
        self.was_cut = False
        """The connection ended, and the peer's TLS did not say that this is the end."""

    @property
    def version(self) -> str:
        """The version that was agreed on."""
        return (self._tls.version() or "").replace("TLSv", "TLS ")

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite that was agreed on."""
        found = self._tls.cipher()
        return found[0] if found is not None else ""

    @property
    def was_resumed(self) -> bool:
        """The handshake resumed an earlier session."""
        return bool(self._tls.session_reused)

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection can resume; ``None`` where the peer gave nothing for it."""
        session = self._tls.session if self.is_established and not self.was_cut else None
        return session if session is not None and (session.has_ticket or session.id) else None

    def feed(self, data: bytes) -> None:
        """What came; ``b""`` is the end of the connection."""
        if not data:
            self._in.write_eof()
            return
        self.received_bytes += len(data)
        self._overhead += len(data)
        if self._overhead > _MAX_OVERHEAD_BYTES:
            raise TlsError(
                f"{self._peer} sent {self._overhead} bytes of TLS without any of the application's.",
                remedy="Check host and port: this is no usual server.",
                reasons={Reason.LIMIT_EXCEEDED},
                model=self._peer.model,
            )
        self._in.write(data)

    def outgoing(self) -> bytes:
        """What is to go to the peer now; empty when nothing is."""
        data = self._out.read()
        self.sent_bytes += len(data)
        return data

    def handshake(self) -> bool:
        """Go on with the handshake; true when it is complete, else more must be fed."""
        if not self._do(self._shake):
            return False
        self.is_established = True
        self._overhead = 0
        return True

    def write(self, data: bytes) -> None:
        """Encrypt all of ``data``."""
        done = 0
        while done < len(data):
            count = self._do(partial(self._tls.write, memoryview(data)[done:]))
            if not count:  # only a new handshake could want to read first, and there is none
                raise failure(None, self._peer, established=True)
            done += count

    def read(self, limit: int) -> bytes | None:
        """Up to ``limit`` bytes; ``b""`` at the end, ``None`` when more must be fed first.

        At the end one of ``has_ended`` and ``was_cut`` is true.
        """
        if self.was_cut or self.has_ended:
            return b""
        try:
            data = self._tls.read(limit)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLEOFError:
            self.was_cut = True
            return b""
        except ssl.SSLError as error:
            raise failure(error, self._peer, established=True) from None
        if data:
            self._overhead = 0
        else:
            self.has_ended = True
        return data

    def _shake(self) -> bool:
        self._tls.do_handshake()
        return True

    def farewell(self) -> None:
        """Tell the peer that nothing follows; do not wait for its answer."""
        if self.is_established:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()

    def _do(self, step: Callable[[], T]) -> T | None:
        """``None`` when the step needs bytes that have not come."""
        try:
            return step()
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            cause = failure(None, self._peer, established=self.is_established)
        except ssl.SSLError as error:
            cause = failure(error, self._peer, established=self.is_established)
        raise cause
