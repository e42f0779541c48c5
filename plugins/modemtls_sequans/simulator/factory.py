"""The certificate that stands in slot 0 of a simulated modem as it leaves the factory.

Made up for the simulator; nobody has its private keys.
"""

from __future__ import annotations

__all__ = ["FACTORY_CERTIFICATE"]

FACTORY_CERTIFICATE = b"""\
-----BEGIN CERTIFICATE-----
MIIBYjCCAQigAwIBAgIDXgABMAoGCCqGSM49BAMCMDkxFzAVBgNVBAoMDkV4YW1w
bGUgVmVuZG9yMR4wHAYDVQQDDBVTaW11bGF0ZWQgU2lnbmVyIDAwMDEwIBcNMjEw
NDI3MDgwMDAwWhgPOTk5OTEyMzEyMzU5NTlaMDgxFzAVBgNVBAoMDkV4YW1wbGUg
VmVuZG9yMR0wGwYDVQQDDBRzbjAxMjM0NTY3ODlBQkNERUYwMTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABPtCE2+O2LcVCBqP6XC61TuvGYKeTqZo8mKPfBYHv9Ei
dpS6j9RK5TdnOWqZMLUDvUfeSvxWUdJ1sB7+dIgP11swCgYIKoZIzj0EAwIDSAAw
RQIhAO3tcKa7pRO1RK6kk0EO+fdmkFEvYDyvkI6MLY2u9pG3AiAby/X8BeY2uJhg
KKlK4cav8iNz7HNjHU2uhmLSc/6agw==
-----END CERTIFICATE-----
"""
