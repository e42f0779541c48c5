"""What of WIPsoft no public document settles, or leaves to the user, as options with a stated default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["WipsoftOptions"]


@dataclass(frozen=True)
class WipsoftOptions:
    """Vendor options; in ``modemtls.toml`` they stand under ``[port."…".options]``.

    ``data_mode``: ``escaped`` (mode 1, the default) puts a DLE before each ETX and DLE: less than 1 % of what TLS
    sends, and a reset connection shows by an end mark that payload cannot hold.  All public products on this family use
    it.  ``transparent`` (mode 2) sends bytes as they are; on one module of the family the first byte after two
    minutes of silence was damaged in it.  Both are left by ``+++``.

    ``index``: which of the eight TCP clients modemtls uses: the line leads to one at a time.

    ``guard_time``: silence around ``+++`` in seconds; the guide demands 1, products wait 1.1.

    ``look_after``: after so many seconds without a byte the data mode is left for a moment, to see whether the server
    has closed the connection, which not every data mode tells; 0 never looks.
    """

    data_mode: Literal["escaped", "transparent"] = "escaped"
    index: int = 1
    guard_time: float = 1.1
    look_after: float = 15.0

    def __post_init__(self) -> None:
        if self.data_mode not in ("escaped", "transparent"):
            raise ValueError(f"data_mode is {self.data_mode!r}; it may be escaped, transparent")
        for name, value, low, high in (
            ("index", self.index, 1, 8),
            ("guard_time", self.guard_time, 0.2, 10.0),
            ("look_after", self.look_after, 0.0, 3600.0),
        ):
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} is {value!r}; it may be {low:g} to {high:g}")
        if not isinstance(self.index, int):
            raise ValueError(f"index is {self.index!r}; it is a whole number")
