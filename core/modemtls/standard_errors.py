"""The ``+CME ERROR`` numbers of 3GPP TS 27.007 section 9.2, and the plain final results of V.250.

A vendor's table may say more, or something else: its rows come first.
"""

from __future__ import annotations

import re

from .errors import (
    Certainty,
    CommandError,
    CredentialError,
    ErrorEntry,
    ErrorTable,
    ModemError,
    NetworkError,
    Reason,
)

__all__ = ["STANDARD_ERRORS", "number_of", "with_standard"]

_SOURCE = "3GPP TS 27.007 section 9.2"


def _cme(
    number: int,
    name: str,
    meaning: str,
    error: type[ModemError] = CommandError,
    *reasons: Reason,
    remedy: str | None = None,
) -> ErrorEntry:
    return ErrorEntry(
        "cme", number, name, error, frozenset(reasons), meaning, Certainty.STATED, _SOURCE, remedy
    )


_CALL = "ITU-T V.250 section 6.7"

STANDARD_ERRORS: tuple[ErrorEntry, ...] = (
    _cme(0, "phone failure", "the modem reports a failure of its own"),
    _cme(3, "operation not allowed", "the command is not allowed now", CommandError, Reason.NOT_ALLOWED,
         remedy="Look at the order of the commands and at the radio's state (modemtls network)."),
    _cme(4, "operation not supported", "the command, or one of its values, is not supported", CommandError,
         Reason.NOT_SUPPORTED, Reason.INVALID_PARAMETER),
    _cme(5, "PH-SIM PIN required", "the device is locked to a SIM", NetworkError, Reason.SIM_FAILURE),
    _cme(10, "SIM not inserted", "there is no SIM", NetworkError, Reason.SIM_ABSENT,
         remedy="Insert the SIM, contacts first, and restart the modem."),
    _cme(11, "SIM PIN required", "the SIM wants its PIN", NetworkError, Reason.SIM_PIN_REQUIRED,
         remedy="Give it with --pin, or pin in modemtls.toml."),
    _cme(12, "SIM PUK required", "the SIM is locked after three wrong PINs", NetworkError, Reason.SIM_PUK_REQUIRED,
         remedy="Unlock it with the PUK from the SIM's card, in a phone."),
    _cme(13, "SIM failure", "the SIM does not work", NetworkError, Reason.SIM_FAILURE,
         remedy="Clean or replace the SIM."),
    _cme(14, "SIM busy", "the SIM is busy", NetworkError, Reason.BUSY, remedy="Try again in a few seconds."),
    _cme(15, "SIM wrong", "the SIM is not accepted", NetworkError, Reason.SIM_FAILURE),
    _cme(16, "incorrect password", "the PIN or password is wrong", NetworkError, Reason.SIM_PIN_WRONG,
         remedy="Check the PIN before another try: three wrong ones lock the SIM."),
    _cme(17, "SIM PIN2 required", "the SIM wants its PIN2", NetworkError, Reason.SIM_PIN_REQUIRED),
    _cme(18, "SIM PUK2 required", "the SIM wants its PUK2", NetworkError, Reason.SIM_PUK_REQUIRED),
    _cme(20, "memory full", "the memory is full", CredentialError, Reason.STORE_FULL,
         remedy="Remove what is not needed (modemtls cert list)."),
    _cme(21, "invalid index", "there is no such index", CommandError, Reason.INVALID_PARAMETER),
    _cme(22, "not found", "there is nothing of that name or at that index", CommandError, Reason.SLOT_EMPTY),
    _cme(23, "memory failure", "the memory failed", CommandError, Reason.DAMAGED_IN_STORE),
    _cme(24, "text string too long", "a text is too long", CommandError, Reason.TOO_LARGE),
    _cme(25, "invalid characters in text string", "a text has characters that are not allowed", CommandError,
         Reason.INVALID_PARAMETER),
    _cme(26, "dial string too long", "the address is too long", CommandError, Reason.TOO_LARGE),
    _cme(27, "invalid characters in dial string", "the address has characters that are not allowed",
         CommandError, Reason.INVALID_PARAMETER),
    _cme(30, "no network service", "there is no network service", NetworkError, Reason.NOT_REGISTERED,
         remedy="Look at antenna, coverage and SIM: modemtls network."),
    _cme(31, "network timeout", "the network did not answer in time", NetworkError, Reason.TIMEOUT,
         remedy="Try again; look at the signal."),
    _cme(32, "network not allowed - emergency calls only", "the network refuses this SIM", NetworkError,
         Reason.REGISTRATION_DENIED, remedy="Ask the operator whether the SIM is active and may roam here."),
    _cme(49, "EAP method not supported", "the EAP method is not supported", CommandError, Reason.NOT_SUPPORTED),
    _cme(50, "incorrect parameters", "a parameter is wrong", CommandError, Reason.INVALID_PARAMETER),
    _cme(100, "unknown", "the modem gives no cause"),
    _cme(148, "unspecified GPRS error", "the packet network reports an error without a cause", NetworkError,
         Reason.NO_PDP_CONTEXT),
    _cme(149, "PDP authentication failure", "the network refused the APN's user or password", NetworkError,
         Reason.NO_PDP_CONTEXT, remedy="Check APN, user and password with the operator."),
    ErrorEntry("final", "ERROR", "ERROR", CommandError, frozenset(), "a refusal without a cause",
               Certainty.STATED, _CALL),
    ErrorEntry("final", "NO CARRIER", "NO CARRIER", CommandError, frozenset(),
               "the connection was not made, and the modem gives no cause", Certainty.STATED, _CALL),
    ErrorEntry("final", "BUSY", "BUSY", NetworkError, frozenset({Reason.BUSY}), "the other side is busy",
               Certainty.STATED, _CALL),
    ErrorEntry("final", "NO ANSWER", "NO ANSWER", NetworkError, frozenset({Reason.TIMEOUT}),
               "the other side did not answer", Certainty.STATED, _CALL),
)  # fmt: skip


def _normal(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


_BY_TEXT = {_normal(entry.name): entry.number for entry in STANDARD_ERRORS if entry.namespace == "cme"}


def number_of(text: str) -> int | None:
    """The number of a verbose ``+CME ERROR``; case, blanks and punctuation do not matter.

    >>> number_of("Operation not supported")
    4
    """
    number = _BY_TEXT.get(_normal(text))
    return number if isinstance(number, int) else None


def with_standard(entries: tuple[ErrorEntry, ...]) -> ErrorTable:
    """A vendor's rows, and the standard's where the vendor has none."""
    own = {(entry.namespace, str(entry.number)) for entry in entries}
    rest = [entry for entry in STANDARD_ERRORS if (entry.namespace, str(entry.number)) not in own]
    return ErrorTable([*entries, *rest])
