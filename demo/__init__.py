"""A working day between simulated partners and a real gateway: `make demo`. Tests play on the same stage."""
