"""The desk works on a store that a gateway has filled."""

from tests.cli.conftest import stocked

__all__ = ["stocked"]
