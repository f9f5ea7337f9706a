"""What the books of payments and of levies have in common: people's signatures, keyed tags, and how messages are taken
in piece by piece."""
