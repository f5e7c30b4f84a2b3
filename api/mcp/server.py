"""The MCP server: lists the tools of `mm.agent.tools` and calls them.

Model Context Protocol, <https://modelcontextprotocol.io/specification>, by its official SDK.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import structlog
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

import mm
from api.http.problems import describe_unexpected_error
from api.request_context import current_request_id, get_client_id
from api.tools.library_tools import call_tool
from mm.agent.tools import TOOLS, get_tool
from mm.errors import MMError, NotFound
from mm.private import hide_home

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from starlette.requests import Request

    from api.limits.resources import Limits
    from api.service import Service

    Context: TypeAlias = ServerRequestContext[dict[str, object], Request]

INSTRUCTIONS = (
    "The tools search a private library of videos, photos and audio. Use `search` or `when` first, and cite the file name and "
    "the times of each moment. `likely` moments match; `possible` ones may not. If no moment is found, the library has none."
)


def create_server(service: Service, limits: Limits) -> Server[dict[str, object]]:
    """Create the server of a running service."""

    async def list_tools(context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=_list_tools())

    async def call(context: Context, params: CallToolRequestParams) -> CallToolResult:
        try:
            get_tool(params.name)
        except NotFound as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error
        assert context.request is not None  # only HTTP is served
        client = get_client_id(context.request.scope)
        return await _call(service, limits, client, params.name, params.arguments or {})

    return Server("mm", version=mm.__version__, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call)


def _list_tools() -> list[Tool]:
    hints = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return [
        Tool(
            name=tool.name,
            description=tool.description,
            input_schema=tool.arguments_schema,
            output_schema=tool.result_schema,
            annotations=hints,
        )
        for tool in TOOLS
    ]


async def _call(service: Service, limits: Limits, client: str, name: str, arguments: Mapping[str, object]) -> CallToolResult:
    """Call a tool. Its errors are results, which the model reads and may correct."""
    try:
        result = await call_tool(service, limits, client, name, arguments)
    except MMError as error:
        if error.status >= 500:
            structlog.get_logger().error("tool failed", tool=name, slug=error.slug, detail=str(error), exc_info=error)
        return _error(hide_home(str(error), service.settings.root))
    except Exception as error:  # noqa: BLE001  the model gets a result, whatever it is
        structlog.get_logger().error("tool failed unexpectedly", tool=name, exc_info=error)
        return _error(describe_unexpected_error(str(current_request_id())))
    content = result.model_dump(mode="json")
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(content=[TextContent(text=text)], structured_content=content)


def _error(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)], is_error=True)
