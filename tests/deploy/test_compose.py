"""`compose.yaml` against the Compose specification and the guarantees of docs/deploy.md.

`compose-spec.json` is `schema/compose-spec.json` of github.com/compose-spec/compose-spec at
170098ba07d9 (Apache-2.0).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

import mm
from mm.media.containers.memory_estimate import INITIAL_BYTES
from mm.settings import Settings
from tests.deploy.files import Compose, Refused, load_compose, load_dockerfile
from tests.deploy.schema import violations
from workers.app import GPU_PROCESSES

SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
PASSWORD = "not/a@default:one"
COMPOSE = load_compose({"POSTGRES_PASSWORD": PASSWORD})
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ["api", "worker", "worker-gpu"]

each_service = pytest.mark.parametrize("name", list(SERVICES))


def test_compose_file_follows_the_specification() -> None:
    assert list(violations(COMPOSE, SCHEMA, SCHEMA)) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"cap_drop": "ALL"}, "services.api.cap_drop: 'ALL' is not array", id="a string for a list"),
        pytest.param({"readonly": True}, "services.api: readonly is not known", id="a misspelt key"),
        pytest.param({"restart": 3}, "services.api.restart: 3 is not string", id="a number for a string"),
        pytest.param({"cap_drop": ["ALL", "ALL"]}, "services.api.cap_drop: an item is repeated", id="a repeated item"),
        pytest.param({"depends_on": {"valkey": {}}}, "services.api.depends_on.valkey: condition is missing", id="no condition"),
    ],
)
def test_compose_schema_check_reports_each_violation(change: Compose, reason: str) -> None:
    broken = {"services": {"api": {**SERVICES["api"], **change}}}
    assert reason in list(violations(broken, SCHEMA, SCHEMA))


def test_compose_without_a_password_is_refused_with_instructions() -> None:
    with pytest.raises(Refused, match=r"POSTGRES_PASSWORD .* Write a line POSTGRES_PASSWORD=.* into the file \.env"):
        load_compose({})


def test_compose_file_contains_no_password() -> None:
    services_with_password = {name for name, service in SERVICES.items() if PASSWORD in service.get("environment", {}).values()}
    assert services_with_password == {*OURS, "postgres"}
    assert make_url(SERVICES["api"]["environment"]["MM_DATABASE_URL"]).password is None


@each_service
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert service.get("user", "10001:10001").split(":")[0] not in {"0", "root"}
    assert "user" in service or name in OURS, "the image's own user is root"


@each_service
def test_every_container_has_a_health_check_in_exec_form(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("name", OURS)
def test_mm_containers_wait_for_healthy_dependencies(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {other: {"condition": "service_healthy"} for other in ("postgres", "valkey")}


def test_only_the_api_has_a_published_port_on_loopback() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "api": ["127.0.0.1:8321:8321"]
    }
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service["networks"] != ["inside"]} == {"api"}
    assert not [name for name, service in SERVICES.items() if "network_mode" in service or "pid" in service]


def test_every_mounted_volume_is_named_and_the_library_is_shared() -> None:
    mounted = {name: [mount.partition(":")[0] for mount in service["volumes"]] for name, service in SERVICES.items()}
    assert {volume for volumes in mounted.values() for volume in volumes} == set(COMPOSE["volumes"])
    assert {name for name, volumes in mounted.items() if "home" in volumes} == set(OURS)


@pytest.mark.parametrize(("name", "processes"), [("api", 1), ("worker", 1), ("worker-gpu", GPU_PROCESSES)])
def test_sandbox_memory_is_half_of_the_container_memory(name: str, processes: int) -> None:
    service = SERVICES[name]
    settings = Settings(sandbox_total_memory=int(service["environment"]["MM_SANDBOX_TOTAL_MEMORY"]))
    assert settings.sandbox_total_memory is not None
    assert service["mem_limit"].endswith("g")
    assert 2 * processes * settings.sandbox_total_memory <= int(service["mem_limit"][:-1]) << 30
    assert settings.sandbox_total_memory >= 3 * INITIAL_BYTES, "three small files are decoded concurrently"


def test_compose_urls_name_the_services_and_the_created_database() -> None:
    for name in OURS:
        environment = SERVICES[name]["environment"]
        database, broker = make_url(environment["MM_DATABASE_URL"]), make_url(environment["MM_BROKER_URL"])
        made = SERVICES["postgres"]["environment"]
        assert (database.host, database.username, database.database) == ("postgres", made["POSTGRES_USER"], made["POSTGRES_DB"])
        assert broker.host == "valkey"
        settings = {key.removeprefix("MM_").lower() for key in environment if key.startswith("MM_")}
        assert settings <= Settings.model_fields.keys()


def test_compose_images_are_pinned_and_mm_images_have_the_version() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert {images["api"], images["worker"]} == {f"mm:{mm.__version__}"}
    assert images["worker-gpu"] == f"mm:{mm.__version__}-gpu"
    assert not [image for image in images.values() if ":" not in image or image.endswith(":latest")]
    targets = {SERVICES[name]["build"]["target"] for name in OURS}
    assert targets <= load_dockerfile().keys()


def test_gpu_worker_starts_only_with_its_profile() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["worker-gpu"]
    assert "deploy" in SERVICES["worker-gpu"]
    assert SERVICES["worker-gpu"]["command"] == SERVICES["worker"]["command"]
