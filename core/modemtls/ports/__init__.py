"""The kinds of port that :func:`modemtls.port.open_port` knows; each module is loaded on first use."""
