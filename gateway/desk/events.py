"""The events of the audit log in words; `docs/audit.md` says when each is recorded."""

from __future__ import annotations

from typing import Final

#: Event → (Chinese, English).
EVENTS: Final[dict[str, tuple[str, str]]] = {
    "message.accepted": ("受理", "accepted"),
    "message.refused": ("拒绝接收", "refused"),
    "message.handled": ("适配器自行应答", "answered by the adapter"),
    "message.erased": ("删除内容", "content erased"),
    "delivery.sending": ("开始投递", "delivery begun"),
    "delivery.accepted": ("已送达", "delivered"),
    "delivery.rejected": ("对方拒绝", "rejected"),
    "delivery.waiting": ("等待重试", "waiting to retry"),
    "delivery.in-doubt": ("结果不明", "outcome unknown"),
    "delivery.reversed": ("已冲正", "reversed"),
    "delivery.dead": ("投递失败", "failed"),
    "delivery.cleared": ("核验放行", "cleared by its check"),
    "delivery.replayed": ("人工重放", "replayed by a person"),
    "delivery.settled": ("人工了结", "settled by a person"),
    "proposal.made": ("提议处理", "proposed"),
    "proposal.refused": ("驳回提议", "proposal refused"),
    "proposal.withdrawn": ("撤回提议", "proposal withdrawn"),
    "proposal.void": ("提议失效", "proposal void"),
    "payload.viewed": ("查看未脱敏内容", "viewed unmasked"),
    "evidence.given": ("出具存证", "evidence given"),
    "partner.tested": ("测试连接", "connection tested"),
    "payment.approved": ("审批明细", "items approved"),
    "payment.withdrawn": ("撤回明细", "items withdrawn"),
    "payment.proposed_again": ("重新提出明细", "items proposed anew"),
    "batch.built": ("组批", "batch built"),
    "batch.released": ("放行批次", "batch released"),
    "batch.cancelled": ("作废批次", "batch cancelled"),
    "difference.closed": ("关闭差异", "difference closed"),
    "gateway.started": ("网关启动", "gateway started"),
    "gateway.stopped": ("网关停止", "gateway stopped"),
    "config.changed": ("配置变更", "configuration changed"),
    "key.rotating": ("更换数据密钥", "payload key rotated"),
    "key.resealed": ("重新加密", "resealed"),
    "key.retiring": ("停用数据密钥", "payload key retired"),
    "audit.key-changing": ("更换签名密钥", "log key changed"),
    "audit.key-retiring": ("停用签名密钥", "log key retired"),
    "console.signed-in": ("登录控制台", "signed in"),
    "console.refused": ("登录被拒", "sign-in refused"),
    "console.signed-out": ("退出控制台", "signed out"),
    "account.added": ("新增账号", "account added"),
    "account.changed": ("修改账号", "account changed"),
    "account.password-changed": ("修改口令", "password changed"),
    "account.reset": ("重置口令", "password reset"),
}


def event_words(event: str) -> tuple[str, str]:
    """An event in words; one that is not known speaks for itself."""
    return EVENTS.get(event, (event, event))
