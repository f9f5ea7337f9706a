"""Hospitals call us. Every request ends in an answer or in a fault, and what is refused is on record first.

    limits ─► XML ─► SOAP ─► who ─► operation ─► schema, mapping, sums ─► institution ─► inbox ─► answer
      └────────┴───────┴──────┴────────┴───────────────┴───────────────────┴──► inbox.refuse ─► fault
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from lxml import etree
from msgspec import structs

from adapters.hospital.codec import HospitalCodec, Inquiry, msgid_of, receipt
from adapters.hospital.documents import CALLS
from adapters.hospital.door import Door
from adapters.hospital.faults import Fault, response
from adapters.hospital.settings import HospitalSettings
from adapters.hospital.wsdl import located, wsdl
from gateway.canonical import Body
from gateway.canonical.envelope import encode_body
from gateway.canonical.identity import PersonQuery
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ReversalDone, ReversalRequested
from gateway.contract import Conflict, Context, Inbound, Manifest, Pending, Refusal, Reject, Unavailable
from gateway.transports.http import Request, Response, ServerLimits, ServerTls
from gateway.transports.soap import Version, wrap
from mappings import MappingError
