"""Fuzzing of what partners send, for a bounded time: `make fuzz`, and a part of `make test-long`."""
