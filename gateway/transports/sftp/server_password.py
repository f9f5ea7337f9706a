"""`python -m gateway.transports.sftp.server_password`: asks for a password, prints its hash for the settings."""

from __future__ import annotations

import sys
from getpass import getpass

from gateway.transports.sftp.server_accounts import hash_password

_SHORTEST = 12

if __name__ == "__main__":
    password = getpass("密码 / password: ")
    if len(password) < _SHORTEST:
        sys.exit(f"至少 {_SHORTEST} 个字符 / at least {_SHORTEST} characters")
    sys.stdout.write(hash_password(password) + "\n")
