"""A zeep transport that reads one folder and never touches the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from zeep.transports import Transport


class OfflineTransport(Transport):
    """Loads WSDL and XSD files from `folder`; refuses everything else."""

    def __init__(self, folder: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # zeep publishes no types
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme not in {"", "file"} or not path.is_relative_to(self._folder):
            raise PermissionError(f"WSDL只能引用同一目录下的文件 / outside the WSDL's folder: {url}")
        return path.read_bytes()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise PermissionError(
            "WSDL为离线加载，不能访问网络 / this WSDL was loaded off line; nothing may be sent"
        )

    get = post = post_xml = _load_remote_data = _refuse
