"""The store process; started by `gateway.store.remote` alone."""

from gateway.store.server import main

if __name__ == "__main__":
    main()
