"""The two-way mapping engine: a partner's format as data, read and written by one declaration.

See `README.md` in this folder for the language. `mappings.catalogue` holds versions side by side; `mappings.samples`
checks a mapping by its samples and `mappings.testing` (needs hypothesis) by its laws; `mappings.xsd` makes the XML
Schema of XML mappings.
"""

from pathlib import Path

import mappings.converters_register  # noqa: F401 - what it registers is there for every mapping
from mappings.codecs.json_parser import parse_json
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
