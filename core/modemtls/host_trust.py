"""The trust set of TLS on this computer: for each modem the CA certificates that were trusted last for it.

It lies beside the journal, by the modem's serial number, and is the set that ``trust`` made, whether that went
into the modem's store too or only here.  No certificate of the operating system is ever added to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import credentials
from .credentials import Certificate
from .errors import CredentialError, Reason
from .journal import Journal
from .model import CredentialKind
from .slots import Installed

__all__ = ["HostTrust"]


class HostTrust:
    """The trust set of one modem, on this computer.  ``is_wanted``: the journal was not switched off."""

    def __init__(self, journal: Journal, model: str, *, is_wanted: bool) -> None:
        self._journal = journal
        self._model = model
        self._is_wanted = is_wanted

    def certificates(self) -> tuple[Certificate, ...]:
        """What is trusted; empty when nothing is.

        :raises CredentialError: what was trusted is damaged, or not there any more.
        """
        if not self._journal.is_kept:
            return ()
        kept = self._journal.trusted()
        found = [] if kept is None else [self._read(name, pem) for name, pem in kept.items()]
        if kept is None or None in found:
            raise CredentialError(
                "The trust set on this computer is damaged: a certificate of it is missing or is another one.",
                remedy="Trust the CAs anew (modemtls cert trust FILE), or give them to the session: ca=, --ca FILE.",
                reasons={Reason.DAMAGED_IN_STORE, Reason.NO_TRUST_ANCHOR},
                model=self._model,
            )
        return tuple(certificate for certificate in found if certificate is not None)

    def trust(self, certificates: Sequence[Certificate], *, add: bool) -> Installed:
        """Make ``certificates`` the trust set; ``add`` keeps what is trusted already.

        :raises CredentialError: there is none, or nothing can be kept on this computer.
        """
        if not certificates:
            raise CredentialError(
                "There is no certificate to trust.",
                remedy="Give at least one CA certificate.",
                reasons={Reason.NOT_A_CERTIFICATE},
            )
        if not self._journal.is_kept:
            raise CredentialError(
                f"The trust set on this computer cannot be kept: {self.why_not_kept}.",
                remedy="Give the CAs to each session instead: https(…, ca=FILE), --ca FILE.",
                reasons={Reason.NOT_ALLOWED},
                model=self._model,
            )
        whole = (*self.certificates(), *certificates) if add else tuple(certificates)
        wanted = {certificate.sha256: certificate.pem for certificate in whole}
        written = self._journal.trusted() != wanted
        if written:
            self._journal.note_trusted(wanted)
        if self._journal.trusted() != wanted:
            raise CredentialError(
                "The trust set could not be written on this computer.",
                remedy="Look at the state directory (MODEMTLS_STATE_DIR) and its disk; -v tells what went wrong.",
                reasons={Reason.DAMAGED_IN_STORE},
                model=self._model,
            )
        return Installed(-1, CredentialKind.CA, written=written, verified=True, where="host")

    @property
    def why_not_kept(self) -> str:
        """Why nothing is remembered for this modem, in words."""
        if not self._is_wanted:
            return "the journal is switched off"
        return "the modem does not tell its serial number, by which it would be found again"

    @staticmethod
    def _read(name: str, pem: bytes) -> Certificate | None:
        """The certificate in ``pem``, when it is the one of that SHA-256."""
        try:
            file = credentials.read(pem, source="journal")
        except CredentialError:
            return None
        match file.certificates:
            case [certificate] if certificate.sha256 == name:
                return certificate
        return None
