"""Which elements a node may send, nested how, in which order: what the centre takes, and refuses everything else.

Written down apart from the mappings of the gateway, so that a mistake in those shows here. `*` may stand several times,
and elements may lack; but nothing unknown is let through, and nothing out of order.
"""

from __future__ import annotations

from typing import Any, Final

_TYPE: Final = (
    "ProjectId BudgetSubjectCode LimitDate TaxTypeName BudgetLevelCode BudgetLevelName TaxStartDate TaxEndDate"
    " ViceSign TaxType TaxTypeAmt DetailNum"
)
_SUBJECT: Final = (
    "DetailNo TaxSubjectCode TaxSubjectName TaxNumber TaxAmt TaxRate ExpTaxAmt DiscountTaxAmt FactTaxAmt"
)
_PAYER: Final = "PayAcct HandOrgName TraAmt TaxVouNo BillDate TaxPayCode TaxPayName"
_REST: Final = (
    "CorpCode ProtocolNo BudgetType TrimSign CorpType PrintVouSign Remark Remark1 Remark2 TaxTypeNum"
)
_PROVE: Final = "TaxOrgCode TaxPayName TaxPayCode PayOpBkCode PayBkCode PayAcct HandOrgName ProtocolNo"

#: Message number → the path of an element below MSG (without the number it ends with) → its children.
_TREES: Final[dict[str, dict[str, str]]] = {
    "1001": {
        "": "RealHead TurnAccount Payment",
        "RealHead": "TaxOrgCode EntrustDate TraNo",
        "TurnAccount": "HandleType PayeeBankNo PayeeOrgCode PayeeAcct PayeeName PayBkCode PayOpBkCode",
        "Payment": f"{_PAYER} {_REST} TaxTypeList*",
        "Payment/TaxTypeList": f"{_TYPE} TaxSubjectList*",
        "Payment/TaxTypeList/TaxSubjectList": _SUBJECT,
    },
    "1102": {
        "": "BatchHead TurnAccount Payment*",
        "BatchHead": "TaxOrgCode EntrustDate PackNo ReturnTerm AllNum AllAmt",
        "TurnAccount": "HandleType PayeeBankNo PayeeOrgCode PayeeAcct PayeeName PayBkCode",
        "Payment": f"TraNo PayOpBkCode {_PAYER} {_REST} TaxTypeList*",
        "Payment/TaxTypeList": f"{_TYPE} TaxSubjectList*",
        "Payment/TaxTypeList/TaxSubjectList": _SUBJECT,
    },
    "1021": {
        "": "RushApply",
        "RushApply": "TaxOrgCode EntrustDate CancelNo OriEntrustDate OriTraNo CancelReason",
    },
    "9003": {
        "": "TraStatusCheck",
        "TraStatusCheck": "SendOrgCode SearchType OriMsgNo OriEntrustDate OriPackNo OriTraNo",
    },
    "9005": {"": ""},
    "9006": {"": "LoginInfo", "LoginInfo": "Password NewPassword"},
    "9008": {"": "LogoutInfo", "LogoutInfo": "Password"},
    "9105": {"": "FreeFormat", "FreeFormat": "SrcNodeCode DesNodeCode SendOrgCode RcvOrgCode Content"},
    "9111": {
        "": "GetMsg",
        "GetMsg": "SendOrgCode EntrustDate OriPackMsgNo OriSendOrgCode OriEntrustDate OriPackNo OrgType",
    },
    "9113": {"": "GetMsg", "GetMsg": "SendOrgCode EntrustDate OriPackMsgNo ChkDate PackNo"},
    "9114": {"": "ProveInfo", "ProveInfo": f"SendOrgCode EntrustDate VCNo VCSign {_PROVE}"},
    "9117": {"": "GetMsg", "GetMsg": "SendOrgCode EntrustDate OriPackMsgNo OriChkDate OriPackNo OrgType"},
    "9120": {"": "MsgReturn", "MsgReturn": "OriMsgNo Result AddWord Information"},
    # From banks.
    "2001": {
        "": "SingleReturn",
        "SingleReturn": "OriTaxOrgCode OriTraNo OriEntrustDate TaxVouNo TaxDate Result AddWord",
    },
    "2021": {
        "": "RushReturn",
        "RushReturn": "TaxOrgCode OriCancelNo OriCancelDate OriTraNo OriEntrustDate CancelAnswer AddWord",
    },
    "2102": {
        "": "BatchHead BatchReturn*",
        "BatchHead": (
            "PayBkCode EntrustDate PackNo OriTaxOrgCode OriEntrustDate OriPackNo AllNum AllAmt SuccNum SuccAmt"
            " Result AddWord"
        ),
        "BatchReturn": "OriTraNo TraAmt TaxVouNo TaxDate Result AddWord",
    },
    "2111": {
        "": "MsgReturn",
        "MsgReturn": "OriPayBankNo OriChkDate OriChkAcctOrd OriPayeeBankNo Result AddWord",
    },
    "9115": {
        "": "ProveReturn",
        "ProveReturn": f"OriSendOrgCode OriEntrustDate OriVCNo VCSign {_PROVE} VCResult AddWord",
    },
}


def wrong(number: str, message: Any) -> str | None:
    """The path of the first element that is not allowed where it stands; None where all are.

    Args:
        message: the element MSG.
    """
    tree = _TREES.get(number)
    return number if tree is None else _wrong(tree, number, "", message)


def _wrong(tree: dict[str, str], number: str, path: str, element: Any) -> str | None:
    allowed = tree[path].split()
    names = [name.rstrip("*") for name in allowed]
    last = -1
    for child in element:
        # Only what has children of its own carries the number.
        name = child.tag.removesuffix(number)
        here = f"{path}/{name}".lstrip("/")
        if name not in names or (child.tag != name) != (here in tree):
            return here
        place = names.index(name)
        if place < last or (place == last and not allowed[place].endswith("*")):
            return here
        last = place
        deeper = _wrong(tree, number, here, child) if here in tree else here if len(child) else None
        if deeper is not None:
            return deeper
    return None
