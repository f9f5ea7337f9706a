"""Questions that routes ask first: what is wrong with them is said with its line before anything runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.contract import Operation, Title
from gateway.engine.config import lint, load
from tests.config import support
from tests.config.support import ENVIRONMENT

QUESTION = """\
- name: claims
  when: {type: settlement.claim.submitted.v1, from: "clinic-*"}
  first:
    ask: identity.check.asked.v1
    of: police
    with:
      document_no: certificate_no
      region: treatment_region
      operator_code: operator_code
      operator_name: operator_name
    fixed: {name: 示例甲, operator_department: 住院处}
    purpose: 结算身份核验
    decide_by: outcome
    proceed: [match]
    refuse: {mismatch: 姓名与身份证号不一致 / name and number do not belong together}
    otherwise: hold
    patience: 5s
  to: [centre]
- name: persons
  when: {type: identity.person.queried.v1}
  to: [centre]
"""
POLICE = """\
name: police
title: 公安
adapter: police
region: "990000"
settings: {base_url: "http://127.0.0.1:1/"}
"""


@pytest.fixture
def asking(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    title = Title(zh="核验", en="check")
    check = Operation(
        name="check",
        title=title,
        direction="out",
        request="identity.check.asked.v1",
        reply="identity.check.answered.v1",
        on_unknown="resend",
    )
    costly = check.model_copy(
        update={"name": "pay", "request": "identity.survival.asked.v1", "on_unknown": "manual"}
    )
    adapter = support._adapter("police", support.CentreSettings, check, costly)
    monkeypatch.setitem(support.ADAPTERS, "police", adapter)
    support.install(monkeypatch)
    (folder / "partners/police.yaml").write_text(POLICE, encoding="utf-8")
    (folder / "routes.yaml").write_text(QUESTION, encoding="utf-8")
    return folder


def test_a_right_question_is_read_as_it_was_meant(asking: Path) -> None:
    assert lint(asking, ENVIRONMENT) == []
    first = load(asking, ENVIRONMENT).routes[0].first
    assert first is not None
    assert (first.of, first.patience, first.otherwise) == ("police", 5.0, "hold")
    assert dict(first.take)["document_no"] == "certificate_no"


# (what is tested, text to replace, by what, line, path, part of the English sentence)
CASES = [
    ("unknown question", "identity.check.asked.v1", "identity.chek.asked.v1", 4, "[0].first.ask", "did you mean"),
    ("unknown partner", "of: police", "of: polise", 5, "[0].first.of", "did you mean 'police'?"),
    ("cannot answer", "of: police", "of: centre", 5, "[0].first.of", "cannot answer identity.check.asked.v1"),
    ("field of the question", "document_no:", "documentno:", 7, "[0].first.with.documentno", "'document_no'?"),
    ("field of the message", ": certificate_no", ": certificate", 7, "[0].first.with.document_no", "did you mean"),
    ("field that lacks", "name: 示例甲, ", "", 6, "[0].first.with", "also needs name"),
    ("field of the answer", "decide_by: outcome", "decide_by: outcom", 13, "[0].first.decide_by", "'outcome'?"),
    ("both at once", "proceed: [match]", "proceed: [match, mismatch]", 15, "[0].first.refuse.mismatch", "go on and to be"),
    ("no such way out", "otherwise: hold", "otherwise: wait", 16, "[0].first.otherwise", "one of"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_problem(asking: Path, case: tuple[str, str, str, int, str, str]) -> None:
    _, old, new, line, path, words = case
    file = asking / "routes.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = lint(asking, ENVIRONMENT)
    assert [p for p in found if (p.line, p.path) == (line, path) and words in p.en], found
    assert all(p.zh and p.expected for p in found)


def test_what_may_not_be_repeated_cannot_be_asked_first(asking: Path) -> None:
    file = asking / "routes.yaml"
    text = file.read_text(encoding="utf-8").replace("identity.check.asked.v1", "identity.survival.asked.v1")
    file.write_text(text, encoding="utf-8")
    assert [p for p in lint(asking, ENVIRONMENT) if "may not be repeated" in p.en]


def test_no_partner_takes_the_gateways_name(asking: Path) -> None:
    file = asking / "partners/police.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("name: police", "name: gateway"), "utf-8")
    assert [p for p in lint(asking, ENVIRONMENT) if "gateway's own" in p.en]


def test_the_example_laid_over_another_is_right(tmp_path: Path) -> None:
    """`config/examples/admission-check`, put over `inpatient-events` as its README says."""
    examples = Path(__file__).parents[2] / "config" / "examples"
    shutil.copytree(examples / "inpatient-events", tmp_path / "config")
    check = examples / "admission-check"
    for part in ("partners", "secrets"):
        shutil.copytree(check / part, tmp_path / "config" / part, dirs_exist_ok=True)
    routes = tmp_path / "config" / "routes.yaml"
    routes.write_text((check / "routes.yaml").read_text() + routes.read_text(), encoding="utf-8")
    assert lint(tmp_path / "config", {}) == []
    assert load(tmp_path / "config", {}).routes[0].first is not None
