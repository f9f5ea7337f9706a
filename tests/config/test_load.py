"""A right configuration is read as it was meant, whatever YAML itself would make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.engine import config
from gateway.engine.config_problem import path_of
from tests.config.support import ENVIRONMENT, CentreSettings, ClinicSettings

REPOSITORY = Path(__file__).parents[2]


def _load(folder: Path) -> config.Configuration:
    return config.load(folder, ENVIRONMENT)


def test_the_right_configuration_has_no_problems(folder: Path) -> None:
    assert config.lint(folder, ENVIRONMENT) == []


def test_scalars_keep_their_text_and_the_schema_types_them(folder: Path) -> None:
    settings = _load(folder).partners["centre"].settings
    assert isinstance(settings, CentreSettings)
    assert settings.limit == 10  # YAML 1.1 would make 8 of 010
    assert settings.strict is False
    assert _load(folder).gateway.region == "990100"


def test_a_leading_zero_and_a_time_stay_text(folder: Path) -> None:
    file = folder / "gateway.yaml"
    file.write_text(file.read_text().replace('"990100"', "010203") + "title: 12:30:00\n")
    gateway = _load(folder).gateway
    assert (gateway.region, gateway.title) == ("010203", "12:30:00")


def test_secrets_come_from_files_and_environment_and_are_not_shown(folder: Path) -> None:
    loaded = _load(folder)
    clinic, centre = loaded.partners["clinic-a"].settings, loaded.partners["centre"].settings
    assert isinstance(clinic, ClinicSettings)
    assert isinstance(centre, CentreSettings)
    assert clinic.authentication.kind == "signed"
    assert clinic.authentication.token.get_secret_value() == "s3cret"
    assert centre.base_url == "http://127.0.0.1:1/api"
    assert "s3cret" not in repr(loaded)


def test_paths_start_from_the_folder(folder: Path) -> None:
    loaded = _load(folder)
    centre = loaded.partners["centre"].settings
    assert isinstance(centre, CentreSettings)
    assert centre.ca_file == folder / "ca.pem"
    assert loaded.data_dir == folder / "data"
    assert loaded.audit_folder == folder / "data/audit"
    assert loaded.audit_key_file == folder / "data/keys/audit.pem"
    assert loaded.gateway.store.sqlite_path == str(folder / "data/gateway.db")


def test_paths_in_mappings_start_from_the_folder_too(folder: Path) -> None:
    file = folder / "partners/centre.yaml"
    text = file.read_text(encoding="utf-8")
    own = "  mappings: {in: mappings/in.yaml, out: /srv/out.yaml}\ndelivery:"
    file.write_text(text.replace("delivery:", own), encoding="utf-8")
    centre = _load(folder).partners["centre"].settings
    assert isinstance(centre, CentreSettings)
    assert centre.mappings == {"in": folder / "mappings/in.yaml", "out": Path("/srv/out.yaml")}


def test_a_relative_database_starts_from_the_folder_too(folder: Path) -> None:
    file = folder / "gateway.yaml"
    file.write_text(file.read_text() + "store: {url: 'sqlite:///../x/my.db'}\n")
    assert _load(folder).gateway.store.sqlite_path == str(folder.parent / "x/my.db")


def test_a_partner_departs_from_the_engine_only_where_it_says(folder: Path) -> None:
    partners = _load(folder).partners
    assert partners["centre"].policy.retry.limit == 7
    assert partners["centre"].policy.retry.first == 0.5
    assert partners["clinic-a"].policy.retry.limit == 3
    assert partners["clinic-a"].concurrency == 64


def test_routes_are_the_engines_own(folder: Path) -> None:
    first = _load(folder).routes[0]
    assert (first.name, first.message_type, first.source, first.region, first.to) == (
        "claims",
        "settlement.*",
        "clinic-*",
        "99*",
        ("centre",),
    )


def test_a_wrong_configuration_raises_with_all_problems(folder: Path) -> None:
    (folder / "gateway.yaml").write_text("node: A B\n")
    with pytest.raises(config.ConfigurationError) as caught:
        _load(folder)
    assert len(caught.value.problems) == 4
    assert caught.value.file == "gateway.yaml"


def test_the_example_configuration_is_right() -> None:
    assert config.lint(REPOSITORY / "config") == []


def test_paths_are_written_as_people_write_them() -> None:
    assert path_of(("operations", 2, "name")) == "operations[2].name"
    assert path_of((0, "to", 1)) == "[0].to[1]"
