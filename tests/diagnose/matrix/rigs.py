"""How each model is set up for a scenario: by modemtls where it would do it, by hand where a person would err.

A column of the matrix is a model and one way of its to a server, since the catch-all code depends on the way.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import modemtls
from modemtls import CredentialKind, Gap, Modem

from ..authority import Issued
from .servers import key_pem

__all__ = ["COLUMNS", "Column", "Held", "open_modem", "prepare"]

Family = Literal["sequans", "agent", "wipsoft"]
CA_SLOT, OTHER_SLOT, EMPTY_SLOT, CLIENT_SLOT = 19, 18, 12, 13
AGENT_CA, AGENT_OTHER, AGENT_CLIENT = 8, 7, 1


@dataclass(frozen=True)
class Column:
    """A model, the way that the attempt takes, and the one code that it has for every TLS failure when opaque."""

    name: str
    model: str
    family: Family
    catch_all: str
    http: Literal["stream", "modem"] = "stream"
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    gaps: frozenset[Gap] = frozenset()
    is_quick: bool = True
    """It is part of the default run."""
    has_codes: bool = False
    """It has more than one code for failures of TLS, so an opaque run is another one."""


_GM01Q = {"valid_level_map": "chain+dates=3, chain+dates+hostname=7", "version_map": "1.0=0, 1.1=1, 1.2=2"}
_SYNC = {"async_dial": "no"}


def _monarch(model: str, way: str, quick: bool, options: Mapping[str, Any] | None = None) -> Column:
    catch_all = {"http": "77", "stream": "-5", "dial": "NO CARRIER"}[way]
    more = {"dial": "sync"} if way == "dial" else {}
    return Column(
        f"{model.removeprefix('sequans-')}/{way}",
        model,
        "sequans",
        catch_all,
        "modem" if way == "http" else "stream",
        {**(options or {}), **more},
        _SYNC if way == "dial" else {},
        is_quick=quick,
        has_codes=way == "http",
    )


COLUMNS = (
    _monarch("sequans-gm02s", "http", True),
    _monarch("sequans-gm02s", "stream", False),
    _monarch("sequans-gm02s", "dial", False),
    _monarch("sequans-gm02sp", "http", False),
    _monarch("sequans-gm02sp", "stream", True),
    _monarch("sequans-gm02sp", "dial", False),
    _monarch("sequans-gm01q", "http", False, _GM01Q),
    _monarch("sequans-gm01q", "stream", False, _GM01Q),
    _monarch("sequans-gm01q", "dial", True, _GM01Q),
    Column(
        "q2686/agent",
        "sierra-q2686",
        "agent",
        "errnum 1",
        gaps=frozenset({Gap.HOSTNAME, Gap.MINIMUM_VERSION}),
        has_codes=True,
    ),
    Column("q2686/wipsoft", "sierra-q2686-wipsoft", "wipsoft", "none: TLS runs on this computer"),
)


@dataclass(frozen=True)
class Held:
    """What is in the modem, and what its security profile says.

    ``ca`` is trusted by modemtls itself; ``by_hand`` is stored, and named by a profile that was written by hand;
    ``other`` is stored and not named.  ``client`` are the owners of a certificate and of a key.
    ``version`` is the version field of a Monarch profile: 2 is TLS 1.2, 3 is TLS 1.3.
    """

    ca: Issued | None = None
    by_hand: Issued | None = None
    other: Issued | None = None
    client: tuple[Issued, Issued] | None = None
    names_empty: bool = False
    is_illegal: bool = False
    suites: str = ""
    version: int = 2

    @property
    def is_plain(self) -> bool:
        """All of it is what modemtls itself would have made."""
        return self == Held(ca=self.ca)


def open_modem(column: Column, settings: Mapping[str, str]) -> Modem:
    """The simulated modem of a column."""
    given = urlencode({**column.settings, **settings}, safe=":=,*.")
    return modemtls.open(
        f"sim://{column.model}?{given}",
        model=column.model,
        accept_gaps=column.gaps,
        options=dict(column.options),
        security_profile=1 if column.family == "sequans" else None,
    )


def prepare(modem: Modem, column: Column, held: Held) -> None:
    """Put ``held`` into the modem."""
    if column.family == "wipsoft":
        if held.ca is not None:
            modem.trust(held.ca.pem)
        return
    if held.ca is not None:
        modem.trust(held.ca.pem)
        if held.is_plain:
            return
    if column.family == "sequans":
        _by_hand_sequans(modem, column, held)
    else:
        _by_hand_agent(modem, held)


def _said(modem: Modem, line: str, data: bytes | None = None) -> None:
    reply = modem.command(line, data=data)
    assert reply.ok, f"{line}: {reply.final}"


def _by_hand_sequans(modem: Modem, column: Column, held: Held) -> None:
    def store(kind: str, slot: int, pem: bytes) -> None:
        _said(modem, f'AT+SQNSNVW="{kind}",{slot},{len(pem)}', pem)

    slot = CA_SLOT
    if held.other is not None:
        modem.credentials.put(held.other.pem, CredentialKind.CA, slot=OTHER_SLOT)
    if held.by_hand is not None and held.by_hand.is_ca:
        modem.credentials.put(held.by_hand.pem, CredentialKind.CA, slot=CA_SLOT)
    elif held.by_hand is not None:
        store("certificate", CA_SLOT, held.by_hand.pem)
    if held.names_empty:
        slot = EMPTY_SLOT
    client = ","
    if held.client is not None:
        certificate, key = held.client
        store("certificate", CLIENT_SLOT, certificate.pem)
        store("privatekey", CLIENT_SLOT, key_pem(key))
        client = f"{CLIENT_SLOT},{CLIENT_SLOT}"
    level = 7 if column.model == "sequans-gm01q" else 5
    if held.is_illegal:
        # Which levels are illegal is not known of the old model; a certificate without its key is.
        client = f"{CLIENT_SLOT}," if column.model == "sequans-gm01q" else ","
        level = 7
    _said(modem, f'AT+SQNSPCFG=1,{held.version},"{held.suites}",{level},{slot},{client}')


def _by_hand_agent(modem: Modem, held: Held) -> None:
    def store(kind: str, index: int, pem: bytes) -> None:
        _said(modem, f"AT+MTPUT={kind},{index},{len(pem)},{binascii.crc32(pem):08x}", pem)

    if held.other is not None:
        modem.credentials.put(held.other.pem, CredentialKind.CA, slot=AGENT_OTHER)
    if held.by_hand is not None and held.by_hand.is_ca:
        modem.credentials.put(held.by_hand.pem, CredentialKind.CA, slot=AGENT_CA)
    elif held.by_hand is not None:
        store("CA", AGENT_CA, held.by_hand.pem)
    client = ","
    if held.client is not None:
        certificate, key = held.client
        store("CERT", AGENT_CLIENT, certificate.pem)
        store("KEY", AGENT_CLIENT, key_pem(key))
        client = f"{AGENT_CLIENT},{AGENT_CLIENT}"
    _said(modem, f"AT+MTTLS=ALWAYS,{AGENT_CA},{client}")
