"""The two-way mapping engine: a partner's format as data, read and written by one declaration.

See `README.md` in this folder for the language. `mappings.testing` (needs hypothesis) checks the laws and
samples of a mapping; `mappings.xsd` makes the XML Schema of XML mappings.
"""

from pathlib import Path

from mappings.codec_json import parse_json
from mappings.errors import DefinitionError, Fault, MappingError, Problem, Refused
from mappings.lint import lint
from mappings.mapping import Mapping, load

#: Where the shipped mappings are.
SHIPPED = Path(__file__).parent


def shipped() -> tuple[Path, ...]:
    """The files of all shipped mappings."""
    return tuple(sorted(p for p in SHIPPED.glob("*/*.yaml")))


__all__ = [
    "SHIPPED",
    "DefinitionError",
    "Fault",
    "Mapping",
    "MappingError",
    "Problem",
    "Refused",
    "lint",
    "load",
    "parse_json",
    "shipped",
]
