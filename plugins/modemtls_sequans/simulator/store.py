"""The credential store of a simulated Monarch modem: ``AT+SQNSNVW`` and ``AT+SQNSNVR``.

Objects are PEM, by type and index 0 to 19, types apart from each other; what is stored is what came, byte
by byte.  An object is parsed after its last byte, and one that cannot be used is refused and leaves the
slot as it was (the latter is assumed).
"""

from __future__ import annotations

import re
from typing import ClassVar

from modemtls.sim import (
    CertificateFacts,
    Json,
    Prompt,
    Refuse,
    Result,
    on,
    read_certificates,
    read_private_key,
)

from .factory import FACTORY_CERTIFICATE
from .system import CATCH_ALL, MonarchSystem

__all__ = ["RESERVED", "MonarchStore"]

RESERVED = frozenset({0, 1, 2, 3, 4, 7, 8, 9, 10})
_RESERVED_SINCE = (8, 2, 0, 2, 59200)


class MonarchStore(MonarchSystem):
    """Certificates and private keys in flash."""

    slots: ClassVar[range] = range(20)

    def power_on(self) -> None:
        """A vendor's certificate in slot 0 of a new modem."""
        super().power_on()
        if self.restarts == 0:
            self._factory_fill()

    def _factory_fill(self) -> None:
        if self.settings.factory_certificate:
            self.nvm.put("certificate", 0, FACTORY_CERTIFICATE)

    def erase(self) -> None:
        """The vendor's certificate stays (assumed)."""
        super().erase()
        self._factory_fill()
        self.changed()

    def load_state(self, data: Json) -> None:
        """The setting for the vendor's certificate goes before what the file says."""
        super().load_state(data)
        self._factory_fill()

    def _is_reserved(self, kind: str, index: int) -> bool:
        if index not in RESERVED:
            return False
        match self.settings.reserved:
            case "none":
                return False
            case "certificates":
                return kind == "certificate"
            case "all":
                return True
        numbers = tuple(int(part) for part in re.findall(r"\d+", self.image))
        return numbers >= _RESERVED_SINCE

    @on(r"AT\+SQNSNVW=(.+)")
    def command_store(self, match: re.Match[str]) -> Result:
        """Write an object, or delete it with size 0."""
        kind, index_field, size_field = self.fields(match[1], 3, 3)
        kind_name = kind.lower()
        if not kind.quoted or kind_name not in ("certificate", "privatekey"):
            return Refuse(CATCH_ALL)
        index = self.number(index_field, self.slots.start, self.slots.stop - 1)
        size = self.number(size_field, 0, 999_999)
        if self._is_reserved(kind_name, index):
            return Refuse(CATCH_ALL)
        if size == 0:
            if not self.nvm.remove(kind_name, index):
                return Refuse(CATCH_ALL)
            self.changed()
            return None
        keys = kind_name == "privatekey"
        if size > (self.settings.max_key_bytes if keys else self.settings.max_certificate_bytes):
            return Refuse(CATCH_ALL)
        if not self.nvm.fits(kind_name, index, size):
            return Refuse()

        def store(data: bytes) -> Result:
            allow_cr = not self.settings.strict_line_ends
            try:
                if keys:
                    read_private_key(data, allow_cr=allow_cr)
                else:
                    read_certificates(data, allow_cr=allow_cr)
            except ValueError:
                return Refuse(CATCH_ALL)
            self.nvm.put(kind_name, index, data)
            self.changed()
            return None

        return Prompt(size, store)

    @on(r"AT\+SQNSNVR=(.+)")
    def command_list(self, match: re.Match[str]) -> Result:
        """List one object or all of a type."""
        kind, index_field = self.fields(match[1], 1, 2)
        kind_name = kind.lower()
        if not kind.quoted or kind_name not in ("certificate", "privatekey"):
            return Refuse(CATCH_ALL)
        if index_field:
            index = self.number(index_field, self.slots.start, self.slots.stop - 1)
            data = self.nvm.get(kind_name, index)
            if data is None:
                return Refuse(CATCH_ALL)
            objects = [(index, data)]
        else:
            objects = list(self.nvm.of(kind_name))
        if kind_name == "privatekey":
            if self.settings.key_listing == "error":
                return Refuse(CATCH_ALL)
            return [f'+SQNSNVR: "privatekey",{index}' for index, _ in objects]
        lines = []
        for index, data in objects:
            certificates = read_certificates(data)
            shown = certificates if self.settings.listing_bundle == "each" else certificates[:1]
            lines += [self._listed(index, facts) for facts in shown]
        return lines

    def _listed(self, index: int, facts: CertificateFacts) -> str:
        end = f'"{facts.not_after:%y/%m/%d %H:%M:%S}"' if facts.not_after else ""
        algorithm = {"EC": "ECDSA", "RSA": "RSA"}.get(facts.key_type, facts.key_type)
        digest = {
            "sha1": facts.sha1,
            "wrong": facts.sha256[:40],
            "none": "",
        }[self.settings.listing_fingerprint]
        return (
            f'+SQNSNVR: "certificate",{index},"{facts.issuer}","000---000","{facts.subject}",'
            f'"{facts.not_before:%y/%m/%d %H:%M:%S}",{end},"{facts.signature_hash}{algorithm}",'
            f'"000---000","sha1","{digest}"'
        )
