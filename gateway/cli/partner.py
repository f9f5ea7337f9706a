"""`partner`: list the configured partners, test the connection to one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, fail, print_json, say, table

app = typer.Typer(
    help="伙伴：列出，测试连接。 / Partners: list them, test the connection to one.", no_args_is_help=True
)


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """列出配置的伙伴及其能做的操作。 / List the configured partners and what they can do."""
    from gateway.engine.config import load  # noqa: PLC0415

    partners = load(config).partners.values()
    if as_json:
        print_json([_facts(partner) for partner in partners])
        return
    columns = (
        "名称 name",
        "显示名 title",
        "适配器 adapter",
        "区划 region",
        "启用 enabled",
        "操作 operations",
    )
    table(columns, [_row(partner) for partner in partners])


@app.command("test")
def try_connection(
    name: Annotated[str, typer.Argument(help="伙伴名称，见 partner list / as partner list shows it")],
    config: ConfigOption = DEFAULT_CONFIG,
    timeout: Annotated[float, typer.Option(min=1, help="秒 / seconds")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """测试与伙伴的连接。 / Test the connection to a partner.

    逐步检查名称解析、连接、证书、应答；不产生任何业务影响。连不通时退出码 3。

    Step by step, without business effect; passes only if later calls will work. Exits 3 where they would not.
    """
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    partner = configuration.partners.get(name)
    if partner is None:
        known = "、".join(configuration.partners)
        raise fail(
            Exit.PROBLEM, f"没有伙伴 {name}；已配置：{known}", f"no partner {name}; configured: {known}"
        )
    from gateway.cli.trial import run_check  # noqa: PLC0415

    steps = run_check(configuration, partner, timeout)
    if steps is None:
        raise fail(
            Exit.PROBLEM, f"{name} 的适配器没有连接测试", f"the adapter of {name} has no connection test"
        )
    if as_json:
        print_json([{"name": s.name, "ok": s.ok, "zh": s.zh, "en": s.en} for s in steps])
    for step in steps if not as_json else ():
        say(f"{'✓' if step.ok else '✗'} {step.zh}", step.en)
    if not all(step.ok for step in steps):
        raise typer.Exit(Exit.UNAVAILABLE)


def _facts(partner: Any) -> dict[str, Any]:
    operations = [
        {"name": o.name, "direction": o.direction, "request": o.request} for o in partner.operations
    ]
    return {
        "name": partner.name,
        "title": partner.title,
        "adapter": partner.adapter.manifest.name,
        "region": partner.region,
        "enabled": partner.enabled,
        "operations": operations,
    }


def _row(partner: Any) -> tuple[str, ...]:
    arrows = {"in": "→", "out": "←"}
    operations = "\n".join(f"{arrows[o.direction]} {o.name} {o.title.zh}" for o in partner.operations)
    enabled = "是 yes" if partner.enabled else "否 no"
    return partner.name, partner.title, partner.adapter.manifest.name, partner.region, enabled, operations
