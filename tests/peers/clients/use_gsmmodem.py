# mypy: ignore-errors
"""Use a modem with python-gsmmodem-new: ``PORT``, actions as JSON on standard input."""

import json
import sys

from gsmmodem.exceptions import CommandError
from gsmmodem.modem import GsmModem


def main():
    modem = GsmModem(sys.argv[1], 115200)
    actions = {
        "connect": lambda: modem.connect(),
        "get": lambda name: getattr(modem, name),
        "wait": lambda: modem.waitForNetworkCoverage(),
        "send": lambda number, text: modem.sendSms(number, text).reference,
        "write": modem.write,
    }
    given = []
    for name, *arguments in json.load(sys.stdin):
        try:
            given.append(actions[name](*arguments))
        except CommandError as error:
            given.append(f"{type(error).__name__}: {error}")
    modem.close()
    print(json.dumps(given))


main()
