"""The bare steps of the reference job, as floor and peer do them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from lxml import etree

from adapters.hospital.soap.documents import Documents, schema

#: What a hospital's message must look like: the same schema for floor, peer and gateway.
SCHEMA = etree.XMLSchema(schema(Documents().on(dt.date(2026, 1, 5)).values()))

_encode = msgspec.json.encode


def fields_of(root: etree._Element) -> dict[str, Any]:
    """SOAP envelope → flat fields and fee lines, one walk."""
    fields: dict[str, Any] = {}
    lines = []
    for element in root[-1][0]:
        name = element.tag.rpartition("}")[2]
        if name == "feedetail":
            lines.append({child.tag.rpartition("}")[2]: child.text for child in element})
        else:
            fields[name] = element.text
    fields["feedetail"] = lines
    return fields


def partner_json(fields: dict[str, Any]) -> bytes:
    """Flat fields → the national JSON envelope around them."""
    data = {k: v for k, v in fields.items() if k != "feedetail"}
    return _encode(
        {
            "infno": "2207",
            "msgid": fields["msgid"],
            "mdtrtarea_admvs": fields["mdtrtarea_admvs"],
            "insuplc_admdvs": fields["insuplc_admdvs"],
            "recer_sys_code": "01",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": fields["opter"],
            "opter_name": fields["opter_name"],
            "inf_time": "2026-01-01 00:00:00",
            "fixmedins_code": fields["fixmedins_code"],
            "fixmedins_name": fields["fixmedins_name"],
            "sign_no": "",
            "input": {"data": data, "feedetail": fields["feedetail"]},
        }
    )
