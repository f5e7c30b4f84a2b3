"""MCP: the official client over HTTP, in both protocol generations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import jsonschema_rs
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND, TextContent

from api.tools import library_tools
from tests.api.conftest import ApiServer, KeyedServer, assert_problem

if TYPE_CHECKING:
    from mcp_types import CallToolResult

pytestmark = pytest.mark.anyio
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connect(url: str, mode: str = "auto", headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_mcp_client_lists_and_calls_tools(api: ApiServer, library: dict[str, str], mode: str) -> None:
    async with connect(api.url, mode) as client:
        assert client.server_info.name == "mm"
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == ["search", "describe", "count", "when"]
        for tool in tools.values():
            assert tool.description
            assert tool.input_schema["type"] == tool.output_schema["type"] == "object"  # type: ignore[index]
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
        # The client checks the structured content against the schema of the tool.
        result = await client.call_tool("search", {"query": "a recipe for apple cake"})
    assert not result.is_error
    content: dict[str, Any] = result.structured_content
    assert content["moments"][0]["item"] == library["talk"]
    assert json.loads(text_of(result)) == content


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("search", {"query": "a recipe for apple cake", "without": ["rain"], "limit": 2, "kinds": ["video"]}),
        ("describe", {"item": "talk.mp4", "start": 1.0, "limit": 1}),
        ("count", {}),
        ("count", {"query": "a recipe for apple cake", "tags": ["kitchen"], "uploaded_after": "2020-01-31"}),
        ("when", {"query": "a recipe for apple cake", "item": "talk.mp4"}),
    ],
)
async def test_mcp_result_of_each_tool_fits_its_schema(
    api: ApiServer, library: dict[str, str], name: str, arguments: dict[str, object]
) -> None:
    async with connect(api.url) as client:
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == name]
        jsonschema_rs.validate(tool.input_schema, arguments)
        result = await client.call_tool(name, arguments)
    assert not result.is_error, text_of(result)
    assert tool.output_schema is not None
    jsonschema_rs.validate(tool.output_schema, result.structured_content)
    assert json.loads(text_of(result)) == result.structured_content


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({**PING, "method": "tools/destroy"}, 200, METHOD_NOT_FOUND),
        ({**PING, "method": "tools/call", "params": {"arguments": {}}}, 200, INVALID_PARAMS),
        ({**PING, "method": "tools/call", "params": {"name": "count", "arguments": []}}, 200, INVALID_PARAMS),
        ({"id": 1, "method": "ping"}, 400, INVALID_PARAMS),
        ([PING, PING], 400, INVALID_PARAMS),
    ],
    ids=["unknown method", "no name", "arguments not an object", "no version", "batch"],
)
def test_mcp_bad_message_is_protocol_error(api: ApiServer, message: object, status: int, code: int) -> None:
    response = httpx2.post(f"{api.url}/mcp", json=message, headers=HEADERS)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("search", {}, "query"),
        ("search", {"query": "cake", "colour": "red"}, "colour"),
        ("search", {"query": "cake", "limit": 0}, "limit"),
        ("search", {"query": "cake", "uploaded_after": "yesterday"}, "uploaded_after"),
        ("when", {"query": "x" * 501}, "query"),
        ("count", {"kinds": ["film"]}, "kinds"),
        ("describe", {"item": "talk.mp4", "start": -1}, "start"),
        ("describe", {"item": "no such file.mp4"}, "no such file.mp4"),
    ],
)
async def test_mcp_call_with_invalid_arguments_returns_error_that_names_them(
    api: ApiServer, library: dict[str, str], name: str, arguments: dict[str, object], message: str
) -> None:
    async with connect(api.url) as client:
        result = await client.call_tool(name, arguments)
    assert result.is_error
    assert message in text_of(result)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_mcp_call_of_unknown_tool_is_protocol_error_that_lists_tools(api: ApiServer, mode: str) -> None:
    async with connect(api.url, mode) as client:
        with pytest.raises(MCPError, match="search, describe, count, when") as raised:
            await client.call_tool("delete_everything", {})
    assert raised.value.error.code == INVALID_PARAMS


async def test_mcp_call_that_fails_unexpectedly_hides_reason(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(library_tools, "_execute", fail)
    async with connect(api.url) as client:
        result = await client.call_tool("count", {})
    assert result.is_error
    assert "secret" not in text_of(result)
    assert "request id" in text_of(result)


async def test_mcp_without_key_is_refused(keyed: KeyedServer) -> None:
    assert_problem(httpx2.post(f"{keyed.url}/mcp", json=PING, headers=HEADERS), 401, "unauthorized")
    assert_problem(
        httpx2.post(f"{keyed.url}/mcp", json=PING, headers={**HEADERS, "Authorization": "Bearer mm_wrong"}), 401, "unauthorized"
    )


async def test_mcp_with_key_of_scope_read_calls_tools(keyed: KeyedServer) -> None:
    async with connect(keyed.url, headers=keyed.key("read")[1]) as client:
        result = await client.call_tool("count", {})
    assert result.structured_content["items"] == 0


def test_mcp_methods_of_sessions_are_not_allowed(api: ApiServer) -> None:
    for method in ("GET", "DELETE"):
        assert_problem(httpx2.request(method, f"{api.url}/mcp", headers=HEADERS), 405, "method-not-allowed")


async def test_mcp_requests_are_counted_by_route(api: ApiServer) -> None:
    async with connect(api.url) as client:
        await client.list_tools()
    assert 'route="/mcp",status="200"' in api.client.get("/metrics").text


def test_mcp_from_page_of_other_origin_is_refused(api: ApiServer) -> None:
    response = httpx2.post(f"{api.url}/mcp", json=PING, headers={**HEADERS, "Origin": "https://example.com"})
    assert_problem(response, 403, "forbidden")


def test_mcp_large_body_is_refused(api: ApiServer) -> None:
    body = json.dumps({**PING, "params": {"text": "x" * 100_000}}).encode()
    headers = {**HEADERS, "Content-Type": "application/json"}
    assert_problem(httpx2.post(f"{api.url}/mcp", content=body, headers=headers), 413, "too-large")
    assert httpx2.post(f"{api.url}/mcp", content=iter([body]), headers=headers).status_code == 413


def test_mcp_invalid_json_is_protocol_error(api: ApiServer) -> None:
    headers = {**HEADERS, "Content-Type": "application/json"}
    response = httpx2.post(f"{api.url}/mcp", content=b"{", headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == -32700
