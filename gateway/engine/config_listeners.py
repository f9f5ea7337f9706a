"""Listeners must not meet: partners may share an endpoint by path, nothing else may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.engine.config_model import GatewaySettings
from gateway.engine.config_problem import Place
from gateway.engine.config_read import Draft

_WILDCARDS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104  recognised here, not bound
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True, slots=True)
class _Mount:
    """Something served somewhere; an empty path takes the whole endpoint."""

    endpoint: str
    path: str
    tls: Any
    where: str

    def meets(self, other: _Mount) -> bool:
        host, _, port = self.endpoint.rpartition(":")
        other_host, _, other_port = other.endpoint.rpartition(":")
        if port != other_port or port == "0":
            return False
        if host != other_host:
            return bool({host, other_host} & _WILDCARDS) or {host, other_host} <= _LOOPBACK
        return not self.path or not other.path or self.path == other.path or self.tls != other.tls


def is_loopback(endpoint: str) -> bool:
    """Whether only this machine can reach it."""
    host = endpoint.rpartition(":")[0]
    return host in _LOOPBACK or host.startswith("127.")


def listeners(draft: Draft) -> None:
    """Adds a problem for every listener that meets an earlier one."""
    seen: list[_Mount] = []
    if draft.gateway is not None:
        seen.append(_Mount(draft.gateway.admin.listen, "", None, "gateway.yaml admin.listen"))
        seen += _console(draft, draft.gateway, seen)
    for partner in draft.partners:
        if partner.settings is None or not partner.base.enabled:
            continue
        for place, mount in _mounts(partner.settings, ("settings",), partner.document.file):
            clash = next((other for other in seen if mount.meets(other)), None)
            if clash is not None:
                zh = f"监听 {mount.endpoint}{mount.path} 与 {clash.where} 冲突"
                en = f"{mount.endpoint}{mount.path} collides with {clash.where}"
                partner.document.add(place, "未占用的地址或路径 / a free endpoint or path", zh, en)
            seen.append(mount)


def _console(draft: Draft, gateway: GatewaySettings, seen: list[_Mount]) -> list[_Mount]:
    """The console's listener, where one is configured: the default one may be in use without harm to the gateway."""
    if "console" not in gateway.model_fields_set:
        return []
    console, document, place = gateway.console, draft.documents["gateway.yaml"], ("console", "listen")
    if console.tls is None and not is_loopback(console.listen):
        document.add(
            place,
            "console.tls 或本机地址 / console.tls, or a loopback address",
            f"{console.listen} 不限本机而无 TLS：口令与个人信息会在网络上明文传输",
            f"{console.listen} is open to others without TLS: passwords and personal data would cross the network"
            " in clear text",
        )
    mount = _Mount(console.listen, "", console.tls, "gateway.yaml console.listen")
    if any(mount.meets(other) for other in seen):
        zh, en = f"监听 {console.listen} 与 admin.listen 冲突", f"{console.listen} collides with admin.listen"
        document.add(place, "未占用的地址 / a free endpoint", zh, en)
    return [mount]


def _mounts(settings: BaseModel, place: Place, where: str) -> Iterable[tuple[Place, _Mount]]:
    """By convention a block that listens names its endpoint `listen`, and what it mounts there `path`."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "listen" and isinstance(value, str):
            tls = getattr(settings, "tls", None)
            yield (*place, name), _Mount(value, str(getattr(settings, "path", "")), tls, where)
        elif isinstance(value, BaseModel):
            yield from _mounts(value, (*place, name), where)
