"""Whatever stands in a configuration file, lint says what is wrong with it and never fails itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine.config import Problem, lint
from tests.config import support

YAML = sorted(name for name in support.FILES if name.endswith(".yaml"))
PIECES = st.sampled_from(
    [
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!!int ",
        "|",
        ">",
        "\t",
        "\n",
        "#",
        '"',
        "'",
        "?",
        "~",
        "  ",
        "<<: *a",
    ]
)
LONGER = st.sampled_from(
    ["${env:", "${file:/", "${", "---\n", "%YAML 9\n", "0x", "1e999", "号", "\x00", "\ufeff", "a: a"]
)
NOISE = st.one_of(PIECES, LONGER, st.text(max_size=8))


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A file's name and its content with some of it replaced."""
    name = draw(st.sampled_from(YAML))
    text = support.FILES[name]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(NOISE) + text[end:]
    return name, text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return support.write(tmp_path_factory.mktemp("mutated"))


@pytest.fixture(autouse=True, scope="module")
def _adapters() -> object:
    with pytest.MonkeyPatch.context() as patch:
        support.install(patch)
        yield


@settings(max_examples=250, deadline=None)
@given(mutation=mutations())
def test_lint_never_fails_on_mutated_files(place: Path, mutation: tuple[str, str]) -> None:
    name, text = mutation
    (place / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = lint(place, support.ENVIRONMENT)
    finally:
        (place / name).write_text(support.FILES[name], encoding="utf-8")
    assert all(isinstance(problem, Problem) and problem.line >= 1 for problem in found)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_lint_never_fails_on_any_bytes(place: Path, content: bytes) -> None:
    (place / "routes.yaml").write_bytes(content)
    try:
        lint(place, support.ENVIRONMENT)
    finally:
        (place / "routes.yaml").write_text(support.FILES["routes.yaml"], encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "{a: " * 5_000, "- " * 20_000, "a: &x [*x]", "? {a: b}\n: c\n"]
)
def test_hostile_yaml_is_refused(place: Path, text: str) -> None:
    (place / "routes.yaml").write_text(text)
    try:
        assert [p.file for p in lint(place, support.ENVIRONMENT)][-1] == "routes.yaml"
    finally:
        (place / "routes.yaml").write_text(support.FILES["routes.yaml"], encoding="utf-8")
