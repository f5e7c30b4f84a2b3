"""Requests that cannot be continued."""

from __future__ import annotations

import pytest

from mm.errors import InvalidInput
from mm.generation.chat.types import ChatMessage, ChatRequest, Tool

USER = ChatMessage("user", "hello")
SEARCH = Tool("search")


def test_message_of_an_unknown_role_is_rejected() -> None:
    with pytest.raises(InvalidInput, match="system, user, assistant, tool"):
        ChatMessage("developer", "hello")  # type: ignore[arg-type]


def test_request_without_messages_is_rejected() -> None:
    with pytest.raises(InvalidInput, match="at least one message"):
        ChatRequest(())


@pytest.mark.parametrize(("tools", "choice"), [((), "required"), ((SEARCH,), "find"), ((SEARCH, SEARCH), "auto")])
def test_request_with_tools_that_do_not_fit_is_rejected(tools: tuple[Tool, ...], choice: str) -> None:
    with pytest.raises(InvalidInput, match="tool"):
        ChatRequest((USER,), tools=tools, tool_choice=choice)


def test_request_may_name_a_tool_to_call() -> None:
    assert ChatRequest((USER,), tools=(SEARCH,), tool_choice="search").tool_choice == "search"
