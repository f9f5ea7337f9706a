"""One HTTP face at its address: opened, closed, and where it really is."""

from __future__ import annotations

from typing import Any

from adapters.hospital.parts import HttpFace
from gateway.contract import Listeners
from gateway.transports.http import ServerLimits


class Mounting:
    """The place of one face on the shared listeners."""

    def __init__(self, face: HttpFace, listeners: Listeners) -> None:
        self._face = face
        self._listeners = listeners
        self._mount: Any = None

    async def open(self, path: str, handle: Any, refused: Any, max_body: int) -> None:
        """Serves `path` (all below it where it ends in `/`); beyond `max_body` HTTP refuses a body as it arrives."""
        face = self._face
        tls = None if face.tls is None else face.tls.made
        limits = ServerLimits(max_body=max_body)
        self._mount = await self._listeners.mount(face.listen, path, handle, limits, tls, refused)

    async def close(self) -> None:
        """Serves no more; nothing happens where it was not open."""
        if self._mount is not None:
            mount, self._mount = self._mount, None
            await mount.unmount()

    @property
    def url(self) -> str:
        """Where it is served; with the real port, where 0 was asked for."""
        scheme = "https" if self._face.tls else "http"
        host = self._face.listen.rpartition(":")[0]
        return f"{scheme}://{host}:{self._mount.port}{self._face.path}"
