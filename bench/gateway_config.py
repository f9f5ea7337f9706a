"""A gateway's configuration for the reference job: everything on."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

_GATEWAY = """\
node: bench
region: "990101"
data_dir: ../data
store: {{url: "{store}"}}
bus: {{kind: {bus}, url: "{amqp}"}}
audit: {{origin: bench.example/audit}}
admin: {{listen: "127.0.0.1:{admin}"}}
engine: {{sweep_interval: 500ms, in_flight: 128}}
logs: {{level: info, file: ../gateway.log}}
"""
_HOSPITAL = """\
name: hospital
title: 示例医院
adapter: hospital
region: "990101"
settings:
  soap:
    listen: "127.0.0.1:{port}"
    path: /soap
    authentication: {{kind: none}}
  institutions: [H99010100001]
"""
_PROVINCE = """\
name: province
title: 示例省平台
adapter: settlement
region: "990000"
settings:
  base_url: "http://127.0.0.1:{sink}/"
  recer_sys_code: "01"
  tif: {{paasid: bench, token: BENCH-TOKEN-0001}}
  fee_details: inline
  connections: 64
"""
_ROUTES = """\
- name: to-province
  when: {type: "*"}
  to: [province]
"""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def write(
    folder: Path, *, sink: int, amqp: str, bus: str = "rabbitmq", store: str = ""
) -> tuple[Path, str, int]:
    """Writes a fresh configuration; returns its folder, the URL that hospitals post to, the admin port."""
    shutil.rmtree(folder, ignore_errors=True)
    config = folder / "config"
    (config / "partners").mkdir(parents=True)
    (folder / "data").mkdir()
    port, admin = free_port(), free_port()
    url = store or f"sqlite:///{folder.absolute()}/data/gateway.db"
    gateway = _GATEWAY.format(store=url, bus=bus, amqp=amqp, admin=admin)
    (config / "gateway.yaml").write_text(gateway)
    (config / "partners" / "hospital.yaml").write_text(_HOSPITAL.format(port=port))
    (config / "partners" / "province.yaml").write_text(_PROVINCE.format(sink=sink))
    (config / "routes.yaml").write_text(_ROUTES)
    return config, f"http://127.0.0.1:{port}/soap", admin
