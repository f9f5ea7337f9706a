"""Tongqu: the integration gateway. `docs/architecture.md` shows how the parts fit together."""

__version__ = "0.1.0"
