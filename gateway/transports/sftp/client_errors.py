"""What is known when a file operation on a partner's server did not end well.

* `NotSent`: what makes a file count as handed over was never asked for. Doing it again is safe.
* `NoAnswer`: it was asked for and nothing proves what became of it. Look, never resend blindly.
* `Conflict`: another file of that name stands there. Doing the same again ends the same way.

No text quotes a server's own words: they may hold names of files.
"""

from __future__ import annotations

from typing import Final

_TEXTS: Final = {
    "changed": ("文件在读取时变化", "the file changed while it was read"),
    "closed": ("客户端已关闭", "the client is closed"),
    "conflict": ("同名文件已存在，内容不同", "another file of that name is there"),
    "connect": ("无法连接", "cannot connect"),
    "credentials": ("登录密钥无法读取", "the key for the login cannot be read"),
    "denied": ("没有权限", "no permission"),
    "dns": ("主机名无法解析", "the host name cannot be resolved"),
    "failed": ("服务器未能完成操作（磁盘满或超出配额？）", "the server failed (disk full, quota?)"),
    "gone": ("临时文件与目标文件都不在，可能已被取走", "neither part nor file is there: maybe taken already"),
    "host-key": ("服务器公钥不符", "the server's key is not the one agreed"),
    "local": ("本地文件无法写入（磁盘满？）", "the local file cannot be written (disk full?)"),
    "login": ("登录被拒绝", "the login was refused"),
    "lost": ("连接中断或超时", "the connection was lost or timed out"),
    "missing": ("没有此文件或目录", "no such file or folder"),
    "negotiation": ("SSH 握手失败（算法不兼容？）", "SSH negotiation failed (no algorithm in common?)"),
    "unsupported": ("服务器不支持此操作", "the server does not support this"),
    "verify": ("上传后核对不符", "what arrived is not what was sent"),
}


class SftpError(Exception):
    """A file operation that did not end well. `zh` and `en` are for people.

    Attributes:
        kind: stable code of the cause, such as `login` or `lost`.
        peer: `host:port`, never a file name.
    """

    def __init__(self, kind: str, peer: str, zh: str = "", en: str = "") -> None:
        self.kind = kind
        self.peer = peer
        self.zh = f"{zh or _TEXTS[kind][0]}：{peer}"
        self.en = f"{en or _TEXTS[kind][1]}: {peer}"
        super().__init__(f"{self.zh} / {self.en}")


class NotSent(SftpError):
    """Nothing was handed over or taken; the same may be tried again."""


class HostKeyRefused(NotSent):
    """The server showed a key that was not agreed. Not one credential was sent."""


class NoAnswer(SftpError):
    """The last step was asked for and no proof of it could be had: outcome unknown."""


class Conflict(SftpError):
    """A file of that name and another content stands there; it was left alone."""


class Changed(SftpError):
    """The file is still being written or was replaced; leave it for later."""


class Lost(Exception):
    """Inside this package: the session is of no use any more."""


class Said(OSError):
    """Inside this package: the server's definite answer that it did not do it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
