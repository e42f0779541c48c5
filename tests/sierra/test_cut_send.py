"""The other side goes away while much is being sent: that is told, and the next request works."""

from __future__ import annotations

import pytest
import trustme

import modemtls
from modemtls import NetworkError

from .conftest import GAPS
from .peer import Connection, Peer, issued

LONG = bytes(range(256)) * 1200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize("end", ["fin", "rst"])
def test_peer_that_goes_during_a_long_send(end: str) -> None:
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    turns = 0

    def behave(connection: Connection) -> None:
        nonlocal turns
        turns += 1
        if turns > 1:
            connection.receive()
            connection.send(ANSWER)
        else:
            connection.exactly(6000)
            if end == "rst":
                connection.reset()

    with Peer(behave, credential=issued(ca), buffer=4096) as peer:
        url = f"sim://sierra-q2686?map=server.test:443=127.0.0.1:{peer.port}&clock=2026-05-01T12:00:00Z"
        with modemtls.open(url, accept_gaps=GAPS, journal=False) as modem:
            modem.trust(ca.cert_pem.bytes())
            with pytest.raises(NetworkError), modem.https("server.test") as session:
                session.post("/", LONG)
            with modem.https("server.test") as session:
                assert session.get("/").status == 200
    assert turns == 2
