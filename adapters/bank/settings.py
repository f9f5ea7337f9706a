"""Settings of a bank: files, an online interface, or one for submitting and the other for what comes back."""

from __future__ import annotations

from pydantic import Field, model_validator

from adapters.bank.files.ways import FilesSettings
from adapters.bank.online import OnlineSettings
from gateway.contract import Settings


class BankSettings(Settings):
    """一家银行。 / One bank."""

    files: FilesSettings | None = Field(
        default=None, description="以文件往来：文件约定与通道 / by files: their profile, and the ways"
    )
    online: OnlineSettings | None = Field(default=None, description="以在线接口往来 / by an online interface")

    @model_validator(mode="after")
    def _one_way_out(self) -> BankSettings:
        if self.files is None and self.online is None:
            raise ValueError("须填写 files 或 online / files or online is needed")
        if self.online is not None and self.files is not None and self.files.outbound is not None:
            raise ValueError(
                "批次只能由一条通道送出：填了 online 就不填 files.outbound / batches leave by one way: files.outbound or online"
            )
        return self
