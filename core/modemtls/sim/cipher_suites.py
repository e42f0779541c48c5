"""IANA's numbers of TLS cipher suites, and OpenSSL's names for the same suites.

Only suites that authenticate the server by a certificate and that encrypt: anonymous, NULL and PSK
suites are left out on purpose, so that no list of numbers can switch verification off.  A suite that
stands here and that the installed OpenSSL lacks is simply not offered.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["OPENSSL_NAMES", "number_of", "split"]

OPENSSL_NAMES: dict[int, str] = {
    0x000A: "DES-CBC3-SHA",
    0x0016: "DHE-RSA-DES-CBC3-SHA",
    0x002F: "AES128-SHA",
    0x0033: "DHE-RSA-AES128-SHA",
    0x0035: "AES256-SHA",
    0x0039: "DHE-RSA-AES256-SHA",
    0x003C: "AES128-SHA256",
    0x003D: "AES256-SHA256",
    0x0041: "CAMELLIA128-SHA",
    0x0045: "DHE-RSA-CAMELLIA128-SHA",
    0x0067: "DHE-RSA-AES128-SHA256",
    0x006B: "DHE-RSA-AES256-SHA256",
    0x0084: "CAMELLIA256-SHA",
    0x0088: "DHE-RSA-CAMELLIA256-SHA",
    0x009C: "AES128-GCM-SHA256",
    0x009D: "AES256-GCM-SHA384",
    0x009E: "DHE-RSA-AES128-GCM-SHA256",
    0x009F: "DHE-RSA-AES256-GCM-SHA384",
    0x00BA: "CAMELLIA128-SHA256",
    0x00BE: "DHE-RSA-CAMELLIA128-SHA256",
    0x00C0: "CAMELLIA256-SHA256",
    0x00C4: "DHE-RSA-CAMELLIA256-SHA256",
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
    0xC008: "ECDHE-ECDSA-DES-CBC3-SHA",
    0xC009: "ECDHE-ECDSA-AES128-SHA",
    0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC012: "ECDHE-RSA-DES-CBC3-SHA",
    0xC013: "ECDHE-RSA-AES128-SHA",
    0xC014: "ECDHE-RSA-AES256-SHA",
    0xC023: "ECDHE-ECDSA-AES128-SHA256",
    0xC024: "ECDHE-ECDSA-AES256-SHA384",
    0xC027: "ECDHE-RSA-AES128-SHA256",
    0xC028: "ECDHE-RSA-AES256-SHA384",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xC050: "ARIA128-GCM-SHA256",
    0xC051: "ARIA256-GCM-SHA384",
    0xC052: "DHE-RSA-ARIA128-GCM-SHA256",
    0xC053: "DHE-RSA-ARIA256-GCM-SHA384",
    0xC05C: "ECDHE-ECDSA-ARIA128-GCM-SHA256",
    0xC05D: "ECDHE-ECDSA-ARIA256-GCM-SHA384",
    0xC060: "ECDHE-ARIA128-GCM-SHA256",
    0xC061: "ECDHE-ARIA256-GCM-SHA384",
    0xC072: "ECDHE-ECDSA-CAMELLIA128-SHA256",
    0xC073: "ECDHE-ECDSA-CAMELLIA256-SHA384",
    0xC076: "ECDHE-RSA-CAMELLIA128-SHA256",
    0xC077: "ECDHE-RSA-CAMELLIA256-SHA384",
    0xC09C: "AES128-CCM",
    0xC09D: "AES256-CCM",
    0xC09E: "DHE-RSA-AES128-CCM",
    0xC09F: "DHE-RSA-AES256-CCM",
    0xC0A0: "AES128-CCM8",
    0xC0A1: "AES256-CCM8",
    0xC0A2: "DHE-RSA-AES128-CCM8",
    0xC0A3: "DHE-RSA-AES256-CCM8",
    0xC0AC: "ECDHE-ECDSA-AES128-CCM",
    0xC0AD: "ECDHE-ECDSA-AES256-CCM",
    0xC0AE: "ECDHE-ECDSA-AES128-CCM8",
    0xC0AF: "ECDHE-ECDSA-AES256-CCM8",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xCCAA: "DHE-RSA-CHACHA20-POLY1305",
}

_NUMBERS = {name: number for number, name in OPENSSL_NAMES.items()}


def number_of(openssl_name: str) -> int | None:
    """The IANA number of the suite that OpenSSL calls so; ``None`` if it is not known here."""
    return _NUMBERS.get(openssl_name)


def split(numbers: Iterable[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """OpenSSL's names for ``numbers``, in their order: those up to TLS 1.2, those of TLS 1.3.

    Unknown numbers are left out.
    """
    known = [number for number in dict.fromkeys(numbers) if number in OPENSSL_NAMES]
    older = tuple(OPENSSL_NAMES[number] for number in known if number >> 8 != 0x13)
    newer = tuple(OPENSSL_NAMES[number] for number in known if number >> 8 == 0x13)
    return older, newer
