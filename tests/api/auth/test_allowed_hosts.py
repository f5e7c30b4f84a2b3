"""Host header check against DNS rebinding, in a service without keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.auth.allowed_hosts import AllowedHosts
from mm.errors import Forbidden
from mm.settings import Settings
from tests.api.conftest import assert_problem, run_server
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path


def test_foreign_host_is_refused_by_reachable_service_without_keys(tmp_path: Path, graphs: Path) -> None:
    settings = Settings(home=with_graphs(tmp_path, graphs), host="0.0.0.0", keys="off", allowed_hosts="nas.example, other")
    with run_server(settings) as service:
        for path in ("/", "/v1/media", "/healthz", "/static/app.js"):
            response = service.client.get(path, headers={"Host": "evil.example:8321"})
            assert "MM_ALLOWED_HOSTS" in assert_problem(response, 403, "forbidden")["detail"]
        rebound = {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
        assert service.client.delete("/v1/media/x", headers=rebound).status_code == 403
        for host in ("nas.example", "NAS.example:8321", "other", "192.168.1.7:8321", "[::1]", "localhost"):
            assert service.client.get("/v1/media", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.7", "::"])
def test_allowed_hosts_do_not_depend_on_listen_address(host: str) -> None:
    hosts = AllowedHosts(Settings(host=host, keys="off"))
    hosts.check("10.1.2.3:80")
    with pytest.raises(Forbidden):
        hosts.check("evil.example")


def test_host_name_of_setting_is_allowed() -> None:
    AllowedHosts(Settings(host="Media.example", keys="off")).check("media.example:8321")


@pytest.mark.parametrize(
    "host",
    ["", "127.0.0.1.evil.example", "[::1", "a b", "localhost.evil.example", "evil.example@localhost", "localhost/evil.example"],
)
def test_host_header_similar_to_address_is_refused(host: str) -> None:
    with pytest.raises(Forbidden):
        AllowedHosts(Settings()).check(host)
