"""What one session needs for TLS on this computer: the trust set, the client's certificate, the last TLS session.

The trust set is the session's own, or the one of this computer for the modem, looked at anew for each connection.
A change of it ends resumption: nothing that was verified by another set is carried on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import credentials
from ..credentials import Certificate
from ..errors import CredentialError, Reason, Unsupported
from ..model import CredentialKind
from ..policy import Check, Gap, VerifyPolicy, resolve
from ..source import OwnCredentials
from .host_errors import Peer
from .host_tls import ClientCredential, HostTls, abilities, client_context, library, name_for_tls
from .message import check_host
from .wire import HostWire

if TYPE_CHECKING:
    import ssl

    from ..operations import Operations

__all__ = ["HostSide"]


class HostSide:
    """The host's part of one session; :meth:`wire` is an operation.  The key is kept in memory only.

    :raises Unsupported: this computer's OpenSSL cannot do what the policy demands.
    :raises CredentialError: a file is not fit for its use.
    :raises ValueError: the policy's server name is no host name.
    """

    def __init__(
        self, modem: Operations, host: str, port: int, policy: VerifyPolicy, own: OwnCredentials
    ) -> None:
        self._modem = modem
        model = modem.model.name
        if policy.client_slot is not None and Gap.CLIENT_CREDENTIAL not in policy.accept_gaps:
            raise Unsupported(
                f"The policy names slot {policy.client_slot} for the client certificate: TLS runs on this computer,"
                " which cannot use a key in the modem's store. Nothing was sent.",
                remedy="Give them as files: https(…, certificate=FILE, key=FILE), --cert FILE --key FILE; or let TLS"
                ' run in the modem (tls="modem", --tls modem).',
                reasons={Reason.NOT_SUPPORTED},
                model=model,
            )
        name = name_for_tls(host if policy.server_name is None else check_host(policy.server_name))
        self._tls = resolve(
            policy, abilities(policy), host=host, model=model, who=f"{library()} on this computer"
        )
        self._anchors = None if own.ca is None else _anchors(own)
        self._client = _client(own)
        self._peer = Peer(host, port, name, model, shows_certificate=self._client is not None)
        self._context: ssl.SSLContext | None = None
        self._trusted: tuple[bytes, ...] = ()
        self._last: HostTls | None = None

    async def wire(self) -> HostWire:
        """A wire that can be opened: everything that can be missing on this side and in the network is there.

        :raises CredentialError: there is nothing to verify the server against.
        :raises NetworkError: the network is not up.
        """
        context = self._current_context()
        await self._modem.require_network()
        last, self._last = self._last, None
        session = last.session if last is not None and self._tls.resumption else None
        self._last = HostTls(context, self._peer, session)
        return HostWire(self._modem.driver, self._last, self._peer)

    def _current_context(self) -> ssl.SSLContext:
        trusted: tuple[bytes, ...] = ()
        if Check.CHAIN in self._tls.checks:
            trusted = tuple(certificate.pem for certificate in self._anchors or self._kept())
        if self._context is None or trusted != self._trusted:
            self._context = client_context(self._tls, trusted, self._client)
            self._trusted, self._last = trusted, None
        return self._context

    def _kept(self) -> Sequence[Certificate]:
        trust = self._modem.host_trust
        found = trust.certificates()
        if found:
            return found
        why = "" if self._modem.journal.is_kept else f" None is kept: {trust.why_not_kept}."
        raise CredentialError(
            "There is nothing to verify the server against: TLS runs on this computer, and no trust set was made for"
            f" this modem here.{why}",
            remedy="Give the CA of the server to the session (ca=FILE, --ca FILE)"
            + ("." if why else ", or trust it once: modem.trust(FILE), modemtls cert trust FILE."),
            reasons={Reason.NO_TRUST_ANCHOR},
            model=self._modem.model.name,
        )


def _anchors(own: OwnCredentials) -> tuple[Certificate, ...]:
    found: dict[str, Certificate] = {}
    for file in own.ca or ():
        credentials.check(credentials.lint(file, kind=CredentialKind.CA))
        found |= {certificate.sha256: certificate for certificate in file.certificates}
    if not found:
        raise CredentialError(
            "There is no certificate to trust.",
            remedy="Give at least one CA certificate.",
            reasons={Reason.NOT_A_CERTIFICATE},
        )
    return tuple(found.values())


def _client(own: OwnCredentials) -> ClientCredential | None:
    if own.certificate is None or own.key is None:
        return None
    credentials.check(credentials.lint(own.certificate, kind=CredentialKind.CERTIFICATE))
    credentials.check(credentials.lint(own.key, kind=CredentialKind.KEY))
    chain, key = own.certificate.certificates, own.key.keys[0]
    if not credentials.pairs(chain[0], key):
        raise CredentialError(
            "The key does not belong to the certificate.",
            remedy="Give the two that were made together; the client's own certificate comes first.",
            reasons={Reason.KEY_MISMATCH},
        )
    return ClientCredential(credentials.bundle(chain), key.pem)
