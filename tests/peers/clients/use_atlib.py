# mypy: ignore-errors
"""Use a modem with atlib: ``PORT``, actions as JSON on standard input."""

import json
import sys

from atlib import ATError, LTE_Device


def main():
    device = LTE_Device(sys.argv[1], 115200)
    given = []
    for name, *arguments in json.load(sys.stdin):
        try:
            if name == "command":
                given.append(device.command(*arguments).tokens)
            else:
                given.append(getattr(device, name)(*arguments))
        except ATError as error:
            given.append(f"{type(error).__name__}: {error}")
    print(json.dumps(given))


main()
