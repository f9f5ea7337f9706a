"""The platform's answers as bytes. Amounts are JSON numbers with two decimals, as platforms write them."""

from __future__ import annotations

import msgspec

from adapters.settlement.simulator.fees import Line
from adapters.settlement.simulator.ledger import Settlement
from adapters.settlement.simulator.people import Person
from gateway.canonical.money import fen_to_yuan as yuan

_quote = msgspec.json.Encoder().encode


def _q(text: str) -> str:
    return _quote(text).decode()


def setlinfo(s: Settlement, person: Person, *, recorded: bool = True) -> bytes:
    """`output` of 2207, 2304 and 5203; without a number that of 2206 and 2303."""
    number = f',"setl_id":"{s.setl_id}"' if recorded else ""
    return (
        f'{{"setlinfo":{{"mdtrt_id":{_q(s.mdtrt_id)}{number},"psn_no":{_q(s.psn_no)}'
        f',"psn_name":{_q(person.name)},"psn_cert_type":"01","certno":{_q(person.certno)},"gend":"{person.gend}"'
        f',"naty":"01","brdy":"{person.birth}","age":{person.age},"insutype":{_q(s.insutype)}'
        f',"psn_type":"{person.psn_type}","cvlserv_flag":"0","setl_time":"{s.time}","mdtrt_cert_type":"02"'
        f',"med_type":{_q(s.med_type)},{_amounts(s)},"psn_cash_pay":{yuan(s.cash)}'
        f',"clr_way":"1","clr_type":"{21 if s.inpatient else 11}"}}'
        f',"setldetail":[{_fund(s)}]}}'
    ).encode()


def queried(s: Settlement, person: Person) -> bytes:
    """`output` of 5203, which names two amounts differently and tells refunds apart."""
    text = setlinfo(s, person).decode()
    text = text.replace('"clr_way"', f'"refd_setl_flag":"{int(s.refund_of is not None)}","clr_way"', 1)
    return text.replace('"psn_part_amt"', '"psn_pay"').replace('"psn_cash_pay"', '"cash_payamt"').encode()


def refund(s: Settlement) -> bytes:
    """`output` of 2208 and 2305. `pdn_cash_pay` is the interface's own spelling of 2208."""
    cash = "psn_cash_pay" if s.inpatient else "pdn_cash_pay"
    return (
        f'{{"setlinfo":{{"mdtrt_id":{_q(s.mdtrt_id)},"setl_id":"{s.setl_id}","setl_time":"{s.time}"'
        f',{_amounts(s)},"{cash}":{yuan(s.cash)}}},"setldetail":[{_fund(s)}]}}'
    ).encode()


def _amounts(s: Settlement) -> str:
    return (
        f'"medfee_sumamt":{yuan(s.total)},"fulamt_ownpay_amt":{yuan(s.own)},"overlmt_selfpay":{yuan(s.over)}'
        f',"preselfpay_amt":{yuan(s.advance)},"inscp_scp_amt":{yuan(s.scope)},"act_pay_dedc":0.00'
        f',"hifp_pay":{yuan(s.pooling)},"pool_prop_selfpay":0.7000,"cvlserv_pay":0.00,"hifes_pay":0.00'
        f',"hifmi_pay":0.00,"hifob_pay":0.00,"maf_pay":0.00,"oth_pay":0.00,"fund_pay_sumamt":{yuan(s.pooling)}'
        f',"psn_part_amt":{yuan(s.personal)},"acct_pay":{yuan(s.account)},"balc":{yuan(s.balance)}'
        f',"acct_mulaid_pay":0.00,"hosp_part_amt":0.00,"medins_setl_id":"{s.msgid}","clr_optins":"{s.region}"'
    )


def _fund(s: Settlement) -> str:
    return (
        f'{{"fund_pay_type":"310100","inscp_scp_amt":{yuan(s.scope)},"crt_payb_lmt_amt":999999.00'
        f',"fund_payamt":{yuan(s.pooling)},"fund_pay_type_name":"职工基本医疗保险统筹基金","setl_proc_info":""}}'
    )


def priced(lines: list[Line]) -> bytes:
    """`output` of 2204 and 2301: ten percent of each line is paid by the patient ahead of the fund."""
    rows = ",".join(
        f'{{"feedetl_sn":{_q(line.row.feedetl_sn)},"det_item_fee_sumamt":{yuan(line.fen)},"cnt":{line.row.cnt:f}'
        f',"pric":{line.row.pric:f},"pric_uplmt_amt":999999.000000,"selfpay_prop":0.1000,"fulamt_ownpay_amt":0.00'
        f',"overlmt_amt":0.00,"preselfpay_amt":{yuan(line.advance)},"inscp_scp_amt":{yuan(line.fen - line.advance)}'
        f',"chrgitm_lv":"02","med_chrgitm_type":"09","bas_medn_flag":"0","hi_nego_drug_flag":"0"'
        f',"chld_medc_flag":"0","list_sp_item_flag":"0","lmt_used_flag":"0","drt_reim_flag":"0","memo":""}}'
        for line in lines
    )
    return f'{{"result":[{rows}]}}'.encode()


def person_info(p: Person, region: str) -> bytes:
    """`output` of 1101."""
    return (
        f'{{"baseinfo":{{"psn_no":"{p.psn_no}","psn_cert_type":"01","certno":{_q(p.certno)},"psn_name":{_q(p.name)}'
        f',"gend":"{p.gend}","naty":"01","brdy":"{p.birth}","age":{p.age}}},"insuinfo":[{{"balc":{yuan(p.balance)}'
        f',"insutype":"{p.insutype}","psn_type":"{p.psn_type}","psn_insu_stas":"1","psn_insu_date":"2015-07-01"'
        f',"paus_insu_date":"","cvlserv_flag":"0","insuplc_admdvs":"{region}","emp_name":"示例公司"}}]'
        f',"idetinfo":[]}}'
    ).encode()


def envelope(infcode: int, reference: str, stamp: str, err_msg: str, output: bytes) -> bytes:
    """The answer's envelope."""
    return (
        b'{"infcode":%d,"inf_refmsgid":"%b","refmsg_time":"%b","respond_time":"%b","err_msg":%b,"output":%b}'
        % (
            infcode,
            reference.encode(),
            stamp.encode(),
            stamp.encode(),
            _quote(err_msg),
            output,
        )
    )
