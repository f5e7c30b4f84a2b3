"""Chat completions from another language server, and without any."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import openai
import pytest
from PIL import Image

from mm.settings import Settings
from tests.api import media
from tests.api.conftest import assert_problem, run_server
from tests.generation.upstream.server import chunk, run_language_server, vllm
from tests.graphs import with_graphs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("chat upstream")
PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]


def test_language_server_answers_with_images_as_files(tmp_path: Path, graphs: Path) -> None:
    url = f"data:image/png;base64,{base64.b64encode(media.image(1)).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "what?"}]
    with run_language_server() as language_server:
        settings = Settings(home=with_graphs(tmp_path, graphs), language_url=language_server.url, language_api_key="secret")
        with run_server(settings) as server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            language_server.responses += [vllm(["a ", "dog"])]
            completion = client.chat.completions.create(model="default", messages=[{"role": "user", "content": parts}])  # type: ignore[misc,list-item]
            assert completion.choices[0].message.content == "a dog"
            assert completion.model == "first-model"
            sent = language_server.bodies[0]["messages"][0]["content"]
            assert sent[1] == {"type": "text", "text": "what?"}
            kind, _, data = sent[0]["image_url"]["url"].partition(",")
            assert kind == "data:image/jpeg;base64"
            assert Image.open(io.BytesIO(base64.b64decode(data))).size == (96, 64)

            language_server.responses += [(401, {"error": {"message": "bad key"}}, {})]
            assert (
                "MM_LANGUAGE_API_KEY"
                in assert_problem(server.client.post(PATH, json={"messages": HELLO}), 503, "unavailable")["detail"]
            )
            language_server.responses += [[chunk({"content": "a"}), chunk({"content": "b"})]]
            with pytest.raises(openai.APIError, match="interrupted"):
                list(client.chat.completions.create(model="default", messages=HELLO, stream=True))  # type: ignore[call-overload]


def test_disabled_language_model_is_unavailable(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs), language="off")) as server:
        document = assert_problem(server.client.post(PATH, json={"messages": HELLO}), 503, "unavailable")
        assert "MM_LANGUAGE=off" in document["detail"]
        assert "vllm:" not in server.client.get("/metrics").text
