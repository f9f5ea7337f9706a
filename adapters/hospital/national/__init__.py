"""The national interface as a server: JSON over HTTP."""
