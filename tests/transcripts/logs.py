"""Logs in the forms in which other tools write them; addresses, names and credentials are dummies."""

from __future__ import annotations

WALTER_PYTHON = r"""
Connecting...
RX:[bytearray(b'\r\n+SYSSTART\r')]
RX:[bytearray(b'\n')]
TX:[AT+CMEE=1]
RX:[bytearray(b'\r\nOK\r\n')]
TX:[AT+CFUN?]
RX:[bytearray(b'\r\n+CFUN: 0\r\n\r\nOK\r\n')]
TX:[AT+SQNBANDSEL?]
RX:[bytearray(b'\r\n+SQNBA')]
RX:[bytearray(b'NDSEL: 0,3gpp-conformance,""\r\n+')]
RX:[bytearray(b'SQNBANDSEL: 0,att,"2,4,12"\r\n\r\nOK\r\n')]
TX:[AT+CGSN]
RX:[bytearray(b'\r\n00499901')]
RX:[bytearray(b'0640000\r\n\r\nOK\r\n')]
TX:[AT+SQNSPCFG=1,2,"",1,6,5,,"","",0,0,0]
RX:[bytearray(b'\r\n+SQNSPCFG: 1,2,"",1,6,5,,"","",0,0,0\r\n\r\nOK\r\n')]
TX:[AT+SQNHTTPSND=1,0,"/",8]
RX:[bytearray(b'\r\n> ')]
TX:[bytearray(b"H'\xe2\x90(H\x00\x06")]
RX:[bytearray(b'\r\nOK\r\n\r\n+SQNHTTPRING: 1,405,"text/html",157\r\n')]
TX:[AT+SQNHTTPRCV=1]
RX:[bytearray(b'\r\n<<<<html>\r\n<head><title>405 ')]
RX:[bytearray(b'Not Allowed</title></head>\r\n</html>\r\n\r\nOK\r\n')]
"""

WALTER = r"""
I (827000) pager: publishing
D (827577) WalterModem: TX: AT+SQNSMQTTPUBLISH=0,"pager/test/up",1,44
D (827587) WalterModem: RX: \r\n>
W (857577) WalterModem: Command time-out (TX) Attempt 1 of 3
D (857577) WalterModem: TX: AT+SQNSMQTTPUBLISH=0,"pager/test/up",1,44
D (857587) WalterModem: RX: \r\n+SQNSMQTTPUBLISH: 5\r\n
D (857587) WalterModem: RX: \r\n\r\n
D (857587) WalterModem: RX: OK\r\n
D (857587) WalterModem: RX: \r\n+CME ERROR: 4\r\n
D (858137) WalterModem: RX: \r\n+SQNSMQTTONPUBLISH:0,5,0\r\n
"""

LINES = """
Tx[ AT+CREG?]
Rx[ +CREG: 0,1]
Rx[ ]
Rx[ OK]
Tx[ AT+CMEE=1]
Rx[ OK]
Tx[ AT+WIPCREATE=2,1,"192.0.2.37",9191]
Rx[ OK]
Rx[ +WIPREADY: 2,1]
"""

PORT = """
[2026-11-21 23:59:59.900] COM1 >: AT+CREG?
[2026-11-21 23:59:59.950] COM1 <: +CREG: 0,1
[2026-11-22 00:00:00.150] COM1 <: OK
[2026-11-22 00:00:01.150] COM1 >: AT+CGMM<CR>
[2026-11-22 00:00:01.250] COM1 <: <CR><LF>X1<CR><LF><CR><LF>OK<CR><LF>
"""

TERMINAL = """
Hello,

I am getting error 77. Here is a snapshot of my log:

+SYSSTART

AT+SQNSNVW=\u201ccertificate\u201d,19,0

OK

AT+SQNSNVW=\u201ccertificate\u201d,19,2584

-----BEGIN CERTIFICATE-----

MIIHY\u2026

\u2013END CERTIFICATE-----

OK

AT+CFUN=1

OK
+CEREG: 2
+CEREG: 5,\u201cE198\u201d,\u201c043A5E0A\u201d,7

AT+SQNHTTPCONNECT=1

OK
+SQNHTTPCONNECT: 1,77
+SQNHTTPSH: 1,77

Thank you in advance!
"""
