"""SFTP: the server that partners log in to, and the client for theirs."""
