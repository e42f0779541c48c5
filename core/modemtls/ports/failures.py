"""What the system says about a port, as the errors that a person understands."""

from __future__ import annotations

import errno
import os
import stat
import sys

from ..errors import ModemTimeout, PortError, Reason
from .holder import holder_of

__all__ = [
    "bad_address",
    "cannot_open",
    "closed",
    "error_number",
    "gone",
    "in_use",
    "refused_setting",
    "stalled",
]

_LIST = "modemtls ports lists the ports of this computer."


def gone(name: str, cause: BaseException | str | None = None) -> PortError:
    """The port was there, and is no more."""
    detail = f" ({_words(cause)})" if cause else ""
    return PortError(
        f"{name} is gone: it was unplugged, or whatever was behind it has ended{detail}.",
        remedy="Check cable, power and the program at the other end; then open the port again.",
        reasons=(Reason.PORT_GONE,),
    )


def closed(name: str) -> PortError:
    """The port was closed by this program, and then used."""
    return PortError(f"{name} has been closed.", reasons=(Reason.PORT_GONE,))


def stalled(name: str, taken: int, total: int, timeout: float) -> ModemTimeout:
    """The port did not take all bytes in time."""
    return ModemTimeout(
        f"{name} takes no more bytes: {taken} of {total} went out in {timeout:g} s, then flow control "
        "held the line or nobody read at the other end.",
        remedy="Check that the modem is on and that its CTS line is wired; if it is not, open the port "
        "with rtscts off.",
        reasons=(Reason.NO_ANSWER,),
    )


def bad_address(kind: str, problem: str) -> PortError:
    """The address of a port at another computer cannot be understood."""
    return PortError(
        f"The address of the {kind}:// port cannot be used: {problem}.",
        remedy=f"It has the form {kind}://HOST:PORT, for example {kind}://192.168.1.5:4000.",
        reasons=(Reason.INVALID_PARAMETER,),
    )


def refused_setting(name: str, what: str, cause: BaseException) -> PortError:
    """The port cannot be set to what was asked."""
    return PortError(
        f"{name} cannot be set to {what}: {_words(cause)}.",
        remedy="Choose a value that both the port and the modem know.",
        reasons=(Reason.INVALID_PARAMETER,),
    )


def in_use(name: str) -> PortError:
    """Somebody else has the port; names them where the system can tell."""
    holder = holder_of(name)
    if holder == "this process":
        return PortError(
            f"{name} is in use: this process has it open already.",
            remedy="Close the first one before, or share it.",
            reasons=(Reason.PORT_BUSY,),
        )
    return PortError(
        f"{name} is in use by {holder or 'another program'}.",
        remedy="End that program, or choose another port.",
        reasons=(Reason.PORT_BUSY,),
    )


def cannot_open(name: str, cause: BaseException) -> PortError:
    """The port could not be opened; the cause decides why."""
    number = error_number(cause)
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        return in_use(name)
    if number in (errno.EACCES, errno.EPERM):
        if sys.platform == "win32":
            return in_use(name)
        return PortError(
            f"{name} may not be opened by this user.",
            remedy=_how_to_permit(name),
            reasons=(Reason.PORT_NOT_PERMITTED,),
        )
    if number == errno.ENOTTY:
        return PortError(
            f"{name} exists, but is not a serial port.", remedy=_LIST, reasons=(Reason.PORT_NOT_FOUND,)
        )
    if number in (errno.ENOENT, errno.ENOTDIR) or isinstance(cause, ValueError):
        return PortError(f"There is no port {name!r}.", remedy=_LIST, reasons=(Reason.PORT_NOT_FOUND,))
    if number in (errno.ENXIO, errno.ENODEV, errno.EIO):
        return PortError(
            f"{name} has a name on this computer, but no device behind it ({_words(cause)}).",
            remedy=_LIST,
            reasons=(Reason.PORT_NOT_FOUND,),
        )
    return PortError(
        f"{name} cannot be opened: {_words(cause)}.", remedy=_LIST, reasons=(Reason.PORT_NOT_FOUND,)
    )


def error_number(cause: BaseException | None) -> int | None:
    """The ``errno`` in an exception or in what it was raised from.

    pyserial keeps it in some of its exceptions, and only in their context in others.
    """
    while cause is not None:
        number = getattr(cause, "errno", None)
        if number is None and cause.args and isinstance(cause.args[0], int):
            number = cause.args[0]
        if isinstance(number, int):
            return number
        cause = cause.__cause__ or cause.__context__
    return None


def _words(cause: BaseException | str | None) -> str:
    if isinstance(cause, BaseException):
        number = error_number(cause)
        return os.strerror(number) if number is not None and number > 0 else str(cause).rstrip(".")
    return cause or ""


def _how_to_permit(name: str) -> str:
    if sys.platform == "win32":
        return _LIST
    try:
        status = os.stat(name)  # noqa: PTH116 - the mode and group are what is wanted
    except OSError:
        return "Check the rights of its folder."
    if not status.st_mode & stat.S_IWGRP:
        return "Change its rights, or run as a user that may use it."
    import grp

    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return (
        f"Its group is {group!r}: join it (sudo usermod -aG {group} $USER; on most systems the group "
        "of serial ports is dialout or uucp), then log in again."
    )
