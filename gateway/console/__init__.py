"""The operators' console: what passes, what waits for a person, and what people decide, in a browser.

A process of its own (`gateway console`): it reads the store beside the gateway and goes on when the gateway does not.
"""
