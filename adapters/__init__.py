"""One folder per kind of partner, all built alike; `docs/adapters.md` shows how."""
