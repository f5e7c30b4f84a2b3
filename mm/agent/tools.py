"""The tools with which an assistant or the language model queries the library.

One definition of each, for the agent and for MCP: name, description, arguments and result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from mm.agent.arguments import CountArguments, DescribeArguments, SearchArguments, WhenArguments
from mm.agent.results import Count, ItemDescription, Moments
from mm.errors import InvalidInput, NotFound
from mm.schemas import Model

JSON = dict[str, object]


@dataclass(frozen=True)
class ToolDefinition:
    """A tool: what it does, and the types of its arguments and of its result."""

    name: str
    description: str
    """For the model that selects the tool."""
    arguments: type[Model]
    result: type[Model]

    @cached_property
    def arguments_schema(self) -> JSON:
        """JSON schema of the arguments, an object.

        Required arguments come first, because a grammar makes the model write them in this order.
        Titles are left out: they only cost tokens.
        """
        schema = self.arguments.model_json_schema()
        required = schema.get("required", [])
        properties = {
            name: {key: value for key, value in of_argument.items() if key != "title"}
            for name, of_argument in sorted(schema["properties"].items(), key=lambda entry: entry[0] not in required)
        }
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    @cached_property
    def result_schema(self) -> JSON:
        """JSON schema of the result, an object."""
        return self.result.model_json_schema(mode="serialization")

    def parse(self, arguments: Mapping[str, object]) -> Model:
        """Check arguments. Raises `InvalidInput` that names each wrong one."""
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            reasons = (f"{'.'.join(map(str, detail['loc'])) or 'arguments'}: {detail['msg']}" for detail in error.errors())
            raise InvalidInput(f"Invalid arguments of the tool {self.name!r}: {'; '.join(reasons)}.") from error


TOOLS = (
    ToolDefinition(
        "search",
        "Find moments in the videos, photos and audio of the library by what is visible, spoken, written or audible. "
        "Returns the best moments with their times and the evidence.",
        SearchArguments,
        Moments,
    ),
    ToolDefinition(
        "describe",
        "Describe one item: its kind, length and tags, and scene by scene what is shown, said, written and audible. "
        "Long items are described in pages.",
        DescribeArguments,
        ItemDescription,
    ),
    ToolDefinition(
        "count",
        "Count the items and moments that match a query, or the items of the library if the query is empty.",
        CountArguments,
        Count,
    ),
    ToolDefinition(
        "when",
        "List when something happens: all matching times in the order of time, item by item.",
        WhenArguments,
        Moments,
    ),
)
"""All tools, in the order in which they are listed."""

_BY_NAME = {tool.name: tool for tool in TOOLS}


def get_tool(name: str) -> ToolDefinition:
    """Return a tool by name. Raises `NotFound` that lists the tools."""
    tool = _BY_NAME.get(name)
    if tool is None:
        raise NotFound(f"There is no tool {name[:100]!r}; the tools are {', '.join(_BY_NAME)}.")
    return tool
