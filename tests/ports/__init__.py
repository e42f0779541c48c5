"""Ports and the two runners, against real ptys, sockets and threads."""
