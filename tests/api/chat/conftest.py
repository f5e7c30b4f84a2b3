"""A service whose language model is small and random, and an official client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openai
import pytest

from mm.generation.chat import local_model
from mm.settings import Settings
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, run_server
from tests.generation.chat.tiny import load_tiny
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def chat_server(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[ApiServer]:
    home = with_graphs(tmp_path_factory.mktemp("chat"), graphs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_model, "load_builtin", lambda _: load_tiny())
        with run_server(Settings(home=home, chat_messages=100, chat_chars=5000, caption_confidence=0.0)) as server:
            yield server


@pytest.fixture(scope="module")
def client(chat_server: ApiServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{chat_server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def items(chat_server: ApiServer) -> dict[str, str]:
    """Ids of a video with two scenes, of an image and of an audio file; one more is not encoded."""
    random = np.random.default_rng(1)

    def vector() -> np.ndarray:
        values = random.standard_normal(chat_server.service.space.dim).astype(np.float32)
        return values / np.linalg.norm(values)

    talk = [
        EncodedSegment(0.0, 1.0, 0, [EncodedEvidence("picture", 0.0, 1.0, None, vector())]),
        EncodedSegment(1.0, 3.0, 1, [EncodedEvidence("picture", 1.0, 3.0, None, vector()),
                                     EncodedEvidence("speech", 1.2, 1.9, "here is my recipe", vector())]),
    ]  # fmt: skip
    still = [EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, vector())])]
    siren = [EncodedSegment(0.0, 1.0, 0, [EncodedEvidence("sound", 0.0, 1.0, "siren", vector())])]
    return {
        "video": add_searchable(chat_server, media.video(3.0, seed=50), "talk.mp4", "kitchen", talk),
        "image": add_searchable(chat_server, media.image(51), "blocks.png", "abstract", still),
        "audio": add_searchable(chat_server, media.audio(1.0), "siren.wav", "sounds", siren),
        "waiting": chat_server.upload_item(media.video(1.0, seed=9), "new.mp4")["id"],
    }
