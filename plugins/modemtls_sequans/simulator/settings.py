"""What a simulated Monarch modem can be told beyond the common settings.

Each field says what is known; ``assumed=True`` marks what no source confirms.  "LR8.2" is the generation
of GM02S and GM02SP, "LR5" that of GM01Q.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from modemtls.policy import Check
from modemtls.sim import SimSettings, setting

__all__ = ["Gm01qSettings", "Gm02sSettings", "Gm02spSettings", "MonarchSettings", "read_level_map"]


def read_level_map(text: str) -> dict[int, Check]:
    """Which check each bit of certValidLevel stands for: ``1:chain,2:dates,4:hostname``.

    :raises ValueError: the text has another form.
    """
    found: dict[int, Check] = {}
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"\s*(\d+):(chain|dates|hostname)\s*", part)
        bit = int(match[1]) if match else 0
        if match is None or bit not in (1, 2, 4, 8, 16, 32, 64, 128) or bit in found:
            raise ValueError(f"level_map={text!r} is not of the form 1:chain,2:dates,4:hostname")
        found[bit] = Check(match[2])
    return found


@dataclass(frozen=True)
class MonarchSettings(SimSettings):
    """Settings of every simulated Monarch modem."""

    manufacturer: str = setting("Sequans Communications", "Answer to AT+CGMI.", assumed=True)
    product: str = setting("GM02S", "Answer to AT+CGMM.", assumed=True)
    cereg: int = setting(
        2, "AT+CEREG mode after a boot; a forum log shows +CEREG lines that nobody asked for.", assumed=True
    )
    reserved: Literal["firmware", "all", "certificates", "none"] = setting(
        "firmware", "Writes to slots 0-4 and 7-10 fail; 'firmware': from LR8.2.0.2-59200 on, both kinds."
    )
    factory_certificate: bool = setting(True, "Certificate slot 0 holds a vendor's certificate.")
    max_certificate_bytes: int = setting(8192, "Largest object in a certificate slot.", minimum=1)
    max_key_bytes: int = setting(2048, "Largest object in a private-key slot.", minimum=1)
    strict_line_ends: bool = setting(
        False, "CR LF in a PEM object is refused, as the manual has it; field practice is looser."
    )
    listing_fingerprint: Literal["sha1", "wrong", "none"] = setting(
        "sha1", "The digest in AT+SQNSNVR: SHA-1 of the DER form, another value, or an empty field.",
        assumed=True,
    )  # fmt: skip
    listing_bundle: Literal["first", "each"] = setting(
        "first", "A slot with several certificates lists the first one, or a line for each.", assumed=True
    )
    key_listing: Literal["error", "index"] = setting(
        "error", "AT+SQNSNVR of private keys: refused, or type and index; no sample is public.", assumed=True
    )
    version_meaning: Literal["exact", "minimum"] = setting(
        "exact", "The version of a security profile is the only one, or the lowest.", assumed=True
    )
    level_map: str = setting(
        "", "What the bits of certValidLevel check, where the model leaves that open.", assumed=True
    )
    quoted_empty_cipher: bool = setting(
        True, 'An empty cipher field may be written as ""; firmware of LR5.4 refused that.', assumed=True
    )
    profile_fields: int = setting(12, "Most fields that AT+SQNSPCFG takes.", assumed=True, minimum=2)
    empty_ca_refused: bool = setting(
        True, "A named but empty CA slot fails with 77; else it counts as none.", assumed=True
    )
    plaintext_without_ca: bool = setting(
        True,
        "HTTP with a profile of level 0 that names no CA slot goes in the clear without an error; seen of "
        "the MQTT client on LR8.2.1.0-61488.",
        assumed=True,
    )
    async_dial: bool = setting(
        True, "AT+SQNSD takes its ninth parameter (dial in the background).", assumed=True
    )
    close_after_read: bool = setting(
        True, "+SQNSH comes only when the host has read what was buffered.", assumed=True
    )
    http_prompt: Literal["single", "triple"] = setting(
        "single", "AT+SQNHTTPSND asks with '> ' as on the wire, or '>>>' as in the manual."
    )
    snd_failure: Literal["error-first", "urcs-first"] = setting(
        "error-first", "AT+SQNHTTPSND cannot connect: ERROR before +SQNHTTPRING and +SQNHTTPSH, or after.",
        assumed=True,
    )  # fmt: skip
    max_http_body: int = setting(
        8 * 1024 * 1024, "Largest body that the HTTP client holds, in bytes; a larger one is code 27.",
        assumed=True, minimum=1,
    )  # fmt: skip
    ntp: bool = setting(True, "AT+SQNNTP finds a time server.")

    def __post_init__(self) -> None:
        super().__post_init__()
        read_level_map(self.level_map)


@dataclass(frozen=True)
class Gm02sSettings(MonarchSettings):
    """Settings of the simulated GM02S."""


@dataclass(frozen=True)
class Gm02spSettings(MonarchSettings):
    """Settings of the simulated GM02SP; it says its own name (a public bench inventory)."""

    product: str = setting("GM02SP", "Answer to AT+CGMM.")


@dataclass(frozen=True)
class Gm01qSettings(MonarchSettings):
    """Settings of the simulated GM01Q, of which less is known."""

    product: str = setting("GM01Q", "Answer to AT+CGMM.", assumed=True)
    echo: bool = setting(True, "Commands are echoed after a boot; public drivers send ATE0.", assumed=True)
    version_meaning: Literal["exact", "minimum"] = setting(
        "minimum", "The version of a security profile is the only one, or the lowest (TinyGSM's comments).",
        assumed=True,
    )  # fmt: skip
    level_map: str = setting(
        "1:chain,2:dates,4:hostname", "What the bits of certValidLevel check (inferred from TinyGSM).",
        assumed=True,
    )  # fmt: skip
