"""Commands in many wordings: the share that is understood, and what they name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mm.answers.conversation.commands import parse_command

ITEM = "talk.mp4"
WORDINGS: dict[str, dict[str, list[str]]] = tomllib.loads(Path(__file__).with_name("wordings.toml").read_text(encoding="utf-8"))


def list_misread(split: str) -> tuple[list[tuple[str, str, str]], int]:
    """Operation, message and result of the misread messages of a split, and the number of all."""
    misread, count = [], 0
    for operation, messages in WORDINGS[split].items():
        for message in messages:
            count += 1
            command = parse_command(message, [ITEM] if ITEM in message else (), has_query=True)
            is_right = command.operation == operation and (
                operation not in ("without", "also") or command.thing.rstrip("s") == "dog"
            )
            if not is_right:
                misread.append((operation, message, f"{command.operation} {command.thing}"))
    return misread, count


@pytest.mark.parametrize(("split", "max_misread"), [("development", 0.03), ("held_out", 0.15)])
def test_parse_command_of_many_wordings_misreads_few(split: str, max_misread: float) -> None:
    misread, count = list_misread(split)

    assert len(misread) <= max_misread * count, misread
