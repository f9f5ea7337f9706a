"""One case for each kind of problem: the file, the line and the path it names, and what it says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gateway.contract import ConfigError
from gateway.engine.config import Problem, lint
from tests.config.support import ENVIRONMENT

G, CLINIC, CENTRE, ROUTES = "gateway.yaml", "partners/clinic.yaml", "partners/centre.yaml", "routes.yaml"

# (what is tested, file, text to replace, by what, file named, line, path, part of the English sentence)
CASES = [
    ("not a number", CENTRE, 'limit: "010"', "limit: ten", CENTRE, 7, "settings.limit", "a whole number"),
    ("not a float", CENTRE, "strict: no", "ratio: x", CENTRE, 8, "settings.ratio", "a number"),
    ("not a boolean", CENTRE, "strict: no", "strict: maybe", CENTRE, 8, "settings.strict", "true or false"),
    ("not a duration", CENTRE, "strict: no", "timeout: 5", CENTRE, 8, "settings.timeout", "a duration such as"),
    ("a list for text", G, "node: gw-1", "node: [a]", G, 1, "node", "text"),
    ("text for a mapping", G, "retry: {first: 500ms, attempts: 3}", "retry: x", G, 9, "engine.retry", "a mapping"),
    ("text for a list", ROUTES, "to: [centre]\n- name: p", "to: centre\n- name: p", ROUTES, 3, "[0].to", "a list"),
    ("out of range", G, "attempts: 3", "attempts: 0", G, 9, "engine.retry.attempts", "more than 0"),
    ("wrong pattern", G, '"990100"', "99", G, 2, "region", "matching"),
    ("not one of", G, "engine:", "logs: {level: loud}\nengine:", G, 8, "logs.level", "one of"),
    ("unknown bus", G, "engine:", "bus: {kind: kafka}\nengine:", G, 8, "bus.kind", "one of"),
    ("unknown store", G, "engine:", "store: {url: mysql:x}\nengine:", G, 8, "store.url", "sqlite"),
    ("a rule of the adapter", CENTRE, '"010"', "13", CENTRE, 5, "settings", "must not be 13"),
    ("a wrong value in a mapping", CENTRE, "strict: no", "codes: {a: b}", CENTRE, 8, "settings.codes.a", "whole"),
    ("missing key", G, "node: gw-1\n", "", G, 1, "node", "node is missing"),
    ("missing in the adapter", CLINIC, "listen: 127.0.0.1:8081", "operations: [ask]", CLINIC, 5, "settings.listen", "missing"),
    ("missing in a union", CLINIC, "    token: ${file:token}\n", "", CLINIC, 8, "settings.authentication.token", "is missing"),
    ("unknown kind", CLINIC, "kind: signed", "kind: guess", CLINIC, 8, "settings.authentication", "one of"),
    ("unknown key", G, "node:", "nodes:", G, 1, "nodes", "did you mean 'node'?"),
    ("unknown key, deep", G, "attempts: 3", "atempts: 3", G, 9, "engine.retry.atempts", "did you mean 'attempts'?"),
    ("unknown in the adapter", CENTRE, "ca_file", "cafile", CENTRE, 9, "settings.cafile", "did you mean 'ca_file'?"),
    ("unknown for its kind", CENTRE, "ca_file: ca.pem", "seal: {kind: none, token: x}", CENTRE, 9, "settings.seal.token", "unknown key 'token'"),
    ("unknown in a route", ROUTES, 'region: "99"', "regoin: 9", ROUTES, 2, "[0].when.regoin", "'region'"),
    ("unknown adapter", CENTRE, "adapter: centre", "adapter: center", CENTRE, 3, "adapter", "did you mean 'centre'?"),
    ("adapter that breaks", CENTRE, "adapter: centre", "adapter: broken", CENTRE, 3, "adapter", "RuntimeError"),
    ("adapter too old", CENTRE, "adapter: centre", "adapter: old", CENTRE, 3, "adapter", "contract 0"),
    ("unknown partner", ROUTES, "to: [centre]\n- name: p", "to: [center]\n- name: p", ROUTES, 3, "[0].to[0]", "mean 'centre'?"),
    ("disabled partner", CENTRE, "region:", "enabled: no\nregion:", ROUTES, 3, "[0].to[0]", "is disabled"),
    ("type nobody delivers", ROUTES, '"settlement.*"', "settlement.cancellation.requested.v1", ROUTES, 2, "[0].when.type", "delivers no such"),
    ("type nobody knows", ROUTES, '"settlement.*"', "setlement.claim.submitted.v1", ROUTES, 2, "[0].when.type", "did you mean 'settlement.claim"),
    ("type without a route", ROUTES, "identity.person.queried.v1", "settlement.claim.settled.v1", CLINIC, 3, "adapter", "identity.person.queried.v1, which no route"),
    ("the same target twice", ROUTES, "to: [centre]\n- name: p", "to: [centre, centre]\n- name: p", ROUTES, 3, "[0].to", "each partner once"),
    ("partner twice", CENTRE, "name: centre", "name: clinic-a", CLINIC, 1, "name", "taken by partners/centre.yaml:1"),
    ("route twice", ROUTES, "name: persons", "name: claims", ROUTES, 4, "[1].name", "taken by routes.yaml:1"),
    ("a name of the house", CLINIC, "name: clinic-a", "name: payments", CLINIC, 1, "name", "the gateway's own"),
    ("a name of a feed", CENTRE, "name: centre", "name: feed-core", CENTRE, 1, "name", "the gateway's own"),
    ("feed closed and open", G, "engine:", "feeds: [{name: core, types: [payment.*], clear: true, key_file: k}]\nengine:", G, 8, "feeds[0]", "either key_file or clear"),
    ("feed neither closed nor open", G, "engine:", "feeds: [{name: core, types: [payment.*]}]\nengine:", G, 8, "feeds[0]", "either key_file or clear"),
    ("feed without its key", G, "engine:", "feeds: [{name: core, types: [payment.*], key_file: k}]\nengine:", G, 8, "feeds[0].key_file", "No such file"),
    ("feed of nothing", G, "engine:", "feeds: [{name: core, types: [paiment.*], clear: true}]\nengine:", G, 8, "feeds[0].types[0]", "no message type fits"),
    ("feed twice", G, "engine:", "feeds: [{name: a, types: [payment.*], clear: true}, {name: a, types: [payment.*], clear: true}]\nengine:", G, 8, "feeds[1].name", "two feeds"),
    ("feed that nothing could be published of", G, "engine:", "bus: {max_unconfirmed: 1000}\nfeeds: [{name: core, types: [payment.*], clear: true}]\nengine:", G, 8, "bus.max_unconfirmed", "nothing of them could be published"),
    ("route to a feed nobody configured", ROUTES, "to: [centre]\n- name: p", "to: [feed-core]\n- name: p", ROUTES, 3, "[0].to[0]", "no partner 'feed-core'"),
    ("console open without TLS", G, "engine:", "console: {listen: 0.0.0.0:8092}\nengine:", G, 8, "console.listen", "clear text"),
    ("console of the admin", G, "engine:", "console: {listen: 127.0.0.1:8090}\nengine:", G, 8, "console.listen", "collides with admin.listen"),
    ("console under no name", G, "engine:", "console: {public_host: [a b]}\nengine:", G, 8, "console.public_host[0]", "matching"),
    ("listener of the admin", CLINIC, "8081", "8090", CLINIC, 6, "settings.listen", "collides with gateway.yaml"),
    ("listener on all addresses", CLINIC, "127.0.0.1:8081", "0.0.0.0:8090", CLINIC, 6, "settings.listen", "collides"),
    ("listener by another name", CLINIC, "127.0.0.1:8081", "localhost:8090", CLINIC, 6, "settings.listen", "collides"),
    ("secret file missing", CLINIC, "file:token", "file:nowhere", CLINIC, 10, "settings.authentication.token", "nowhere"),
    ("secret variable missing", CENTRE, "PATH_PART", "NOWHERE", CENTRE, 6, "settings.base_url", "NOWHERE is not set"),
    ("secret written wrongly", CLINIC, "${file:token}", "${vault:x}", CLINIC, 10, "settings.authentication.token", "${env:NAME}"),
    ("key twice", G, "node: gw-1", "node: gw-1\nnode: gw-2", G, 2, "node", "first on line 1"),
    ("not YAML", G, "node: gw-1", "node: [", G, 3, "", "YAML syntax"),
    ("an alias", G, "node: gw-1", "node: &a gw-1", G, 1, "node", "anchors and aliases"),
    ("a tag", G, "node: gw-1", "node: !!python/name:os.system x", G, 1, "node", "tags"),
    ("two documents", G, "node: gw-1", "a: b\n---\nnode: gw-1", G, 2, "", "one YAML document"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_problem(folder: Path, case: tuple[str, str, str, str, str, int, str, str]) -> None:
    _, file, old, new, named, line, path, words = case
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    found = lint(folder, ENVIRONMENT)
    mine = [p for p in found if (p.file, p.line, p.path) == (named, line, path) and words in p.en]
    assert mine, found
    assert all(p.zh and p.expected for p in found)


def test_one_mistake_is_one_problem(folder: Path) -> None:
    """Where a rule is not about several files, it does not drag others along."""
    alone = {"not a number", "not a duration", "missing key", "unknown key, deep", "key twice"} | {
        "listener of the admin", "secret file missing", "unknown partner", "route twice"
    }  # fmt: skip
    for name, file, old, new, *_ in (case for case in CASES if case[0] in alone):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        assert len(lint(folder, ENVIRONMENT)) == 1, name
        (folder / file).write_text(text, encoding="utf-8")


def test_a_key_of_another_kind_is_not_suggested(folder: Path) -> None:
    text = (folder / CENTRE).read_text(encoding="utf-8")
    (folder / CENTRE).write_text(
        text.replace("  ca_file: ca.pem", "  seal: {kind: none, token: x}"), encoding="utf-8"
    )
    [problem] = lint(folder, ENVIRONMENT)
    assert (problem.en, problem.expected) == ("unknown key 'token'", "kind")


def test_wrong_settings_bring_no_problems_of_routes(folder: Path) -> None:
    """What a partner offers is not known then."""
    text = (folder / CLINIC).read_text(encoding="utf-8")
    offered = text.replace("path: /a", "operations: [claim]")
    (folder / CLINIC).write_text(offered, encoding="utf-8")
    routes = (folder / ROUTES).read_text(encoding="utf-8")
    (folder / ROUTES).write_text(routes.split("- name: persons")[0], encoding="utf-8")
    assert lint(folder, ENVIRONMENT) == []
    (folder / CLINIC).write_text(
        offered.replace("listen: 127.0.0.1:8081", "listen: nowhere"), encoding="utf-8"
    )
    assert [p.path for p in lint(folder, ENVIRONMENT)] == ["settings.listen"]


def test_a_missing_folder_names_its_files(tmp_path: Path) -> None:
    files = {problem.file for problem in lint(tmp_path / "nowhere")}
    assert files == {"gateway.yaml", "routes.yaml"}


def test_a_file_that_would_be_left_out_is_named(folder: Path) -> None:
    (folder / "partners/other.yml").write_text("name: x\n")
    assert [(p.file, p.en) for p in lint(folder, ENVIRONMENT)] == [
        ("partners/other.yml", "is not read: name it .yaml")
    ]


def test_routes_must_be_a_list(folder: Path) -> None:
    (folder / ROUTES).write_text("claims: {}\n")
    assert [(p.line, p.en) for p in lint(folder, ENVIRONMENT)] == [(1, "expected a list of routes")]


def test_not_utf8(folder: Path) -> None:
    (folder / "gateway.yaml").write_bytes("node: gw-1\ntitle: 中心\n".encode("gbk"))
    (problem,) = [p for p in lint(folder, ENVIRONMENT) if p.file == "gateway.yaml"]
    assert (problem.line, problem.expected) == (2, "UTF-8")


def test_partners_share_an_endpoint_by_path_only(folder: Path) -> None:
    text = (folder / CLINIC).read_text(encoding="utf-8")
    other = text.replace("clinic-a", "clinic-b")
    (folder / "partners/other.yaml").write_text(other.replace("path: /a", "path: /b"), encoding="utf-8")
    assert lint(folder, ENVIRONMENT) == []
    (folder / "partners/other.yaml").write_text(other, encoding="utf-8")
    assert [(p.file, p.path) for p in lint(folder, ENVIRONMENT)] == [
        ("partners/other.yaml", "settings.listen")
    ]


def test_a_partner_that_may_not_call_needs_no_route(folder: Path) -> None:
    text = (folder / CLINIC).read_text(encoding="utf-8")
    (folder / CLINIC).write_text(text.replace("path: /a", "operations: [claim]"), encoding="utf-8")
    routes = (folder / ROUTES).read_text(encoding="utf-8")
    (folder / ROUTES).write_text(routes.split("- name: persons")[0], encoding="utf-8")
    assert lint(folder, ENVIRONMENT) == []


def test_a_wide_glob_must_be_deliverable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.config import support

    narrow = support._adapter("centre", support.CentreSettings, support._operation("c", "out", support.CLAIM))
    monkeypatch.setitem(support.ADAPTERS, "centre", narrow)
    (folder / ROUTES).write_text("- name: all\n  when: {type: '*'}\n  to: [centre]\n", encoding="utf-8")
    (problem,) = lint(folder, ENVIRONMENT)
    assert (problem.file, problem.line, problem.path) == (ROUTES, 3, "[0].to[0]")
    assert "identity.person.queried.v1" in problem.en


def test_operations_of_settings_must_be_safe_to_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever declares them: money is never sent again blindly."""
    from tests.config import support

    centre = support.ADAPTERS["centre"]
    blind = [o.model_copy(update={"on_unknown": "resend"}) for o in centre.manifest.operations]
    manifest = centre.manifest.model_copy(update={"operations": (), "configured": True})
    open_centre = dataclasses.replace(
        centre,
        manifest=manifest,
        operations=lambda settings: blind,
        problems=lambda settings: [ConfigError("没有此文件", "no such file", path="codes.a[0]")],
    )
    monkeypatch.setitem(support.ADAPTERS, "centre", open_centre)
    found = [(p.file, p.path, p.en) for p in lint(folder, ENVIRONMENT)]
    assert (CENTRE, "settings.codes.a[0]", "no such file") in found
    assert [path for _, path, en in found if "moves money" in en] == ["settings.operations[0].on_unknown"]


def test_no_problem_shows_a_secret(folder: Path) -> None:
    text = (folder / CENTRE).read_text(encoding="utf-8")
    (folder / CENTRE).write_text(text.replace('limit: "010"', "limit: ${file:token}"), encoding="utf-8")
    found: list[Problem] = lint(folder, ENVIRONMENT)
    assert found
    assert "s3cret" not in "".join(map(str, found))
