"""From a model's name to its simulator."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import Unsupported
from .simulator import Simulator

__all__ = ["simulator_type"]


def simulator_type(model: str) -> type[Simulator]:
    """The simulator class of an installed model.

    :raises Unsupported: no such model is installed, it has no simulator, or the extra ``sim`` is missing.
    """
    from ..plugins import find_model, load_object

    record = find_model(model)
    if record.simulator is None:
        raise Unsupported(f"There is no simulated {record.title}.", model=record.name)
    missing = [name for name in ("OpenSSL", "service_identity") if find_spec(name) is None]
    if missing:
        raise Unsupported(
            f"A simulated modem needs packages that are not installed ({', '.join(missing)}).",
            remedy="Install them with the extra: python -m pip install 'modemtls[sim]'.",
            model=record.name,
        )
    kind = load_object(record.simulator)
    if not (isinstance(kind, type) and issubclass(kind, Simulator)):
        raise TypeError(f"{record.simulator} of the model {record.name} is not a Simulator class")
    return kind
