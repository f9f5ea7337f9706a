"""`python -m gateway.cli`: the command where no console script is installed."""

from __future__ import annotations

from gateway.cli.main import main

main()
