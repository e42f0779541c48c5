"""Command lines and what the agent answers to them at rest; the bearer is down and nothing is stored."""

from __future__ import annotations

__all__ = ["AT_REST", "REFUSED", "WRONG_FORMS", "WRONG_VALUES"]

ZERO = "00000000"

#: The firmware refuses their form or their number of parameters.
WRONG_FORMS: list[str] = [
    "AT+MTFOO", "AT+MT", "AT+MTVER", "AT+MTVER=1", "AT+MTVER=?", "AT+MTPUT", "AT+MTPUT?", "AT+MTPUT=CA,1,5",
    f"AT+MTPUT=CA,1,5,{ZERO},1", "AT+MTLIST", "AT+MTLIST=CA", "AT+MTDEL=CA", "AT+MTDEL=CA,1,1", "AT+MTDEL?",
    "AT+MTTLS", "AT+MTTLS=NEVER,1,1,1,1", "AT+MTNET", "AT+MTNET=1,a,b,c,d", "AT+MTOPEN=TLS,h",
    "AT+MTOPEN=TLS,h,1,1,1", "AT+MTSEND=1", f"AT+MTSEND=1,{ZERO},1", "AT+MTRECV", "AT+MTRECV=1,1", "AT+MTCLOSE?",
    "AT+MTCLOSE=1", "AT+MTSESS", "AT+MTERR", "AT+MTERR=0", "AT+MTCLK", "AT+MTCLK=1", "AT+MTRECV?",
    "AT+MTPUT=" + ",".join("1" * 16), "AT+MTPUT=" + "1," * 200, "AT+MTOPEN=TLS,%s,443" % ("h" * 240),
]  # fmt: skip
#: 701.
WRONG_VALUES: list[str] = [
    # kind, id, length, CRC
    f"AT+MTPUT=ca,1,5,{ZERO}", f"AT+MTPUT=,1,5,{ZERO}", f"AT+MTPUT=CERTS,1,5,{ZERO}", f"AT+MTPUT=CA,0,5,{ZERO}",
    f"AT+MTPUT=CA,9,5,{ZERO}", f"AT+MTPUT=CA,,5,{ZERO}", f"AT+MTPUT=CA,1,0,{ZERO}", f"AT+MTPUT=CA,1,-1,{ZERO}",
    f"AT+MTPUT=CA,1,1234567890,{ZERO}", f"AT+MTPUT=CA,1,4294967301,{ZERO}", f"AT+MTPUT=CA,1,0x5,{ZERO}",
    "AT+MTPUT=CA,1,5,0000000", "AT+MTPUT=CA,1,5,000000000", "AT+MTPUT=CA,1,5,0000000g", "AT+MTPUT=CA,1,5,",
    "AT+MTPUT=CA,1,30001,", f"AT+MTPUT=CA,x1,5,{ZERO}", f"AT+MTPUT=CA,1,5.0,{ZERO}", f"AT+MTPUT=CA,1,+5,{ZERO}",
    "AT+MTDEL=CA,0", "AT+MTDEL=CA,9", "AT+MTDEL=XX,1", "AT+MTDEL=,",
    "AT+MTTLS=", "AT+MTTLS=always,1", "AT+MTTLS=MAYBE,1", "AT+MTTLS=WIP_SSL_NEVER", "AT+MTTLS=NONE,1",
    "AT+MTTLS=NONE,",
    "AT+MTTLS=ALWAYS,9", "AT+MTTLS=ALWAYS,0", "AT+MTTLS=ALWAYS,x", "AT+MTTLS=NEVER,,,1", "AT+MTTLS=NEVER,1,,1",
    "AT+MTNET=2", "AT+MTNET=", "AT+MTNET=1", "AT+MTNET=0,x", "AT+MTNET=1,x,6", "AT+MTNET=1,x,6g", "AT+MTNET=1,x,00",
    "AT+MTNET=1,x,61,610", "AT+MTNET=1,x," + "61" * 65, "AT+MTNET=1," + "a" * 97, "AT+MTNET=,x",
    "AT+MTOPEN=UDP,h,1", "AT+MTOPEN=tls,h,1", "AT+MTOPEN=TLS,,1", "AT+MTOPEN=TLS,h,0", "AT+MTOPEN=TLS,h,65536",
    "AT+MTOPEN=TLS,h,", "AT+MTOPEN=TLS,h,1,2", "AT+MTOPEN=TLS,h/x,1", "AT+MTOPEN=TLS,%s,1" % ("h" * 201),
    f"AT+MTSEND=0,{ZERO}", f"AT+MTSEND=4097,{ZERO}", "AT+MTSEND=5,", f"AT+MTSEND=,{ZERO}", "AT+MTSEND=5,12",
    "AT+MTRECV=4001", "AT+MTRECV=", "AT+MTRECV=x", "AT+MTRECV=-1", "AT+MTSESS=1", "AT+MTSESS=",
]  # fmt: skip
#: Right by themselves, and refused in this state.
REFUSED: list[tuple[str, int]] = [
        (f"AT+MTPUT=CA,1,30001,{ZERO}", 708),
        (f"AT+MTPUT=CA,1,999999999,{ZERO}", 708),
        ("AT+MTDEL=CA,1", 703),
        ("AT+MTDEL=KEY,8", 703),
        ("AT+MTTLS=ALWAYS", 717),
        ("AT+MTTLS=ALWAYS,", 717),
        ("AT+MTTLS=ONCE,,1,1", 717),
        ("AT+MTTLS=NEVER,,1", 718),
        ("AT+MTTLS=NEVER,,1,", 718),
        ("AT+MTTLS=ALWAYS,1", 703),
        ("AT+MTTLS=NEVER,,1,1", 703),
        ('AT+MTOPEN=TLS,"server.test",443', 712),
        ('AT+MTOPEN=TCP,"server.test",80,1', 712),
        (f"AT+MTSEND=5,{ZERO}", 715),
        ("AT+MTRECV=100", 715),
        ("AT+MTRECV=0", 715),
]  # fmt: skip
#: Answered without a change, the lines separated by ``|``.
AT_REST: list[tuple[str, str]] = [
        ("AT+MTLIST?", "OK"),
        ("AT+MTTLS?", "+MTTLS: NONE,,,|OK"),
        ("AT+MTNET?", '+MTNET: 0,""|OK'),
        ("AT+MTNET=0", "OK"),
        ("AT+MTOPEN?", "+MTOPEN: 0,,0,0|OK"),
        ("AT+MTCLOSE", "OK"),
        ("AT+MTSESS?", "+MTSESS: 0|OK"),
        ("AT+MTSESS=0", "OK"),
        ("at+mtver?", '+MTVER: 1,"1.0.0","host","1.4"|OK'),
        ('AT + MTV ER; ?', '+MTVER: 1,"1.0.0","host","1.4"|OK'),
        ("AT+MTTLS=\"NONE\"", "OK"),
        ("AT", "OK"),
        ("AT+CGMI", " WAVECOM MODEM|OK"),
        ("AT+CMEE?", "+CMEE: 1|OK"),
        ("AT+WOPEN?", "+WOPEN: 1|OK"),
        ("AT+WOPEN=7", "+WOPEN: 7,12|OK"),
        ("AT+WOPEN=3", "ERROR"),
        ("AT+WIPBR=?", "ERROR"),
        ("AT+CPIN?", "+CPIN: READY|OK"),
]  # fmt: skip
