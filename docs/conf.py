from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

import modemtls

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "modemtls"
copyright = "the modemtls contributors"
version = release = installed_version("modemtls")

extensions = ["myst_parser", "sphinx.ext.autodoc", "generated"]
exclude_patterns = ["_build", "_reliability/*", "_performance/*"]

html_theme = "furo"
html_title = f"modemtls {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True


def setup(app: Sphinx) -> None:
    def shorter(
        _: Sphinx, what: str, name: str, thing: type, __: object, signature: str | None, result: str | None
    ) -> tuple[str, str | None] | None:
        """Leave out what a reader cannot use: made-up defaults, and what all errors take alike."""
        if what == "exception" and name != "modemtls.ModemError" and issubclass(thing, modemtls.ModemError):
            return "", None
        if signature is None:
            return None
        return signature.replace("<factory>", "..."), result

    app.connect("autodoc-process-signature", shorter)
