"""Errors that occur after a response has begun."""

from __future__ import annotations

import json
from pathlib import Path

from api.answers.stream import describe_error
from api.chat.responses import CompletionWriter
from mm.errors import Corrupt

HOME = Path("/srv/library")
ERROR = Corrupt("/srv/library/index/a.bin cannot be read.")


def test_error_event_of_an_answer_leaves_out_the_home_folder() -> None:
    problem = describe_error(ERROR, HOME)
    assert problem.type.endswith(Corrupt.slug)
    assert "/srv/library" not in problem.detail
    assert problem.detail.endswith("index/a.bin cannot be read.")


def test_error_event_of_a_completion_leaves_out_the_home_folder() -> None:
    event, done, *_ = CompletionWriter("model").write_error(ERROR, HOME).decode().split("\n\n")
    error = json.loads(event.removeprefix("data: "))["error"]
    assert "/srv/library" not in error["message"]
    assert error["code"] == Corrupt.slug
    assert done == "data: [DONE]"
