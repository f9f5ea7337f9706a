"""Measures the gateway against a floor and a peer, all in one run: `make bench`."""
