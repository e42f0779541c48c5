"""HTTPS through a modem: over its TLS stream by h11, or by its own HTTP client."""
