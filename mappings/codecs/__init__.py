"""The formats: one module a kind, see `kinds`."""
