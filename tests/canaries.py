"""The secrets of the test run: what tests use where they need one, and what :mod:`tests.watch` searches for.

They are long, because a search that is to find halves of one and to find nothing else needs long ones.  Private keys
are not here: each key that a test makes is registered by itself.
"""

from __future__ import annotations

PASSWORD = "Zq7vKp2xWm9tRb4nHs6cYd3g"
"""Of an APN."""
HTTP_PASSWORD = "Lw5jTf8zQe3uXk7bNa2mVr9p"
"""Of a profile of the modem's own HTTP client."""
PIN = "86420975"
PSK = bytes.fromhex("c4a7e1395bd2f60883d94e7a1fb56c2071ee9d04b8236afc5510c7923fd84ba6")
TOKEN = "Jd83hXw0LmQz51TyVbNuPk94RsEa6FgC"
AUTHORIZATION = f"Bearer {TOKEN}"
COOKIE = "Gh29sKfPq64WzrXe81LbDnYt"
API_KEY = "Ux6mBv3kSj9wEo7rCi4yPq1h"

CANARIES: dict[str, bytes] = {
    "APN password": PASSWORD.encode(),
    "HTTP password": HTTP_PASSWORD.encode(),
    "PIN": PIN.encode(),
    "PSK": PSK,
    "Authorization": TOKEN.encode(),
    "cookie": COOKIE.encode(),
    "API key": API_KEY.encode(),
}
