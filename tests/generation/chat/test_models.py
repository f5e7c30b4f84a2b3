"""Which chat model the settings select."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.errors import InvalidInput, NotFound, Unavailable
from mm.generation.chat.local import LocalChat
from mm.generation.chat.models import ChatModels
from mm.generation.upstream import UpstreamChat
from mm.models.language.smollm2 import BUILTIN
from mm.settings import Settings

URL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("values", "kind", "name"),
    [
        ({}, LocalChat, BUILTIN),
        ({"language": "builtin", "language_url": URL}, LocalChat, BUILTIN),
        ({"language_url": URL, "language_model": "qwen"}, UpstreamChat, "qwen"),
    ],
)
def test_settings_select_the_chat_model(tmp_path: Path, values: dict[str, str], kind: type, name: str) -> None:
    with ChatModels(Settings(home=tmp_path, **values)) as models:  # type: ignore[arg-type]
        assert isinstance(models.default, kind)
        assert models.default.name == name
        assert models.get(None) is models.get("") is models.get("default") is models.get(name) is models.default
        assert models.report_metrics() == b""
        with pytest.raises(NotFound, match=name):
            models.get("gpt-9")


def test_disabled_language_model_is_unavailable(tmp_path: Path) -> None:
    models = ChatModels(Settings(home=tmp_path, language="off"))
    assert not models.is_enabled
    with pytest.raises(Unavailable, match="MM_LANGUAGE=off"):
        models.get(None)
    assert models.report_metrics() == b""


@pytest.mark.parametrize("values", [{"language": "gpt-9"}, {"language_url": "localhost"}])
def test_invalid_settings_are_rejected(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="MM_LANGUAGE"):
        ChatModels(Settings(home=tmp_path, **values))  # type: ignore[arg-type]
