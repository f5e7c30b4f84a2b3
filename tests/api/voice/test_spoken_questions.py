"""Spoken questions: the recognized words are the question; bad audio is a named error."""

from __future__ import annotations

import io
import json
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from tests.api import media
from tests.api.conftest import ApiServer, add_searchable, assert_problem
from tests.workers.videos import SPEECH

if TYPE_CHECKING:
    from mm.media.types import Waveform


def encode_wav(waveform: Waveform) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((waveform * 32767).astype(np.int16).tobytes())
    return buffer.getvalue()


SILENCE = encode_wav(np.zeros(16_000, np.float32))


@pytest.fixture(scope="module")
def question() -> bytes:
    """Two seconds of speech: "Ever tried."."""
    with wave.open(str(SPEECH)) as file:
        samples = np.frombuffer(file.readframes(2 * file.getframerate()), np.int16)
    return encode_wav(samples.astype(np.float32) / 32768)


@pytest.fixture(scope="module")
def rehearsal(api: ApiServer) -> str:
    """A video in which someone says what the question is about."""
    text = "have you ever tried it"
    evidence = EncodedEvidence("speech", 0.0, 1.0, text, api.service.space.text.embed([text])[0])
    return add_searchable(api, media.video(1.0, seed=88), "rehearsal.mp4", "stage", [EncodedSegment(0.0, 1.0, 0, [evidence])])


def test_ask_with_audio_answers_recognized_words(api: ApiServer, rehearsal: str, question: bytes) -> None:
    response = api.client.post("/v1/ask", files={"audio": ("q.wav", question)}, data={"items": [rehearsal]})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["heard"].lower().startswith("ever tried")
    assert [citation["item_id"] for citation in answer["citations"]] == [rehearsal]


def test_ask_with_audio_streams_words_first(api: ApiServer, rehearsal: str, question: bytes) -> None:
    form = {"stream": "true", "filters": json.dumps({"items": [rehearsal]})}
    with api.client.stream("POST", "/v1/ask", files={"audio": ("q.wav", question)}, data=form) as response:
        lines = list(response.iter_lines())
    assert lines[0] == "event: heard"
    assert "ever tried" in lines[1].lower()
    assert "event: sentence" in lines


def test_ask_with_form_without_audio_is_a_typed_question(api: ApiServer, rehearsal: str) -> None:
    form = {"query": "who has ever tried it?", "items": rehearsal, "conversation": "[]"}
    response = api.client.post("/v1/ask", files={"unused": (None, "")} | {name: (None, value) for name, value in form.items()})
    assert_problem(response, 400, "invalid-input")  # `unused` is not a field
    response = api.client.post("/v1/ask", files={name: (None, value) for name, value in form.items()})
    assert response.status_code == 200, response.text
    assert response.json()["heard"] is None


@pytest.mark.parametrize(
    ("name", "data", "form", "status", "slug", "detail"),
    [
        ("silence.wav", SILENCE, {}, 400, "invalid-input", "No speech was recognized"),
        ("photo.png", media.image(5), {}, 400, "invalid-input", "no audio"),
        ("noise.bin", b"no audio at all " * 50, {}, 415, "unsupported-media", ""),
        (
            "silence.wav",
            SILENCE,
            {"query": "and a text"},
            400,
            "invalid-input",
            "send one of them",
        ),
        (
            "silence.wav",
            SILENCE,
            {"filters": "{"},
            400,
            "invalid-input",
            "'filters' is not JSON",
        ),
        ("long.wav", encode_wav(np.zeros(61 * 16_000, np.float32)), {}, 413, "too-large", "MM_QUERY_"),
    ],
    ids=["silence", "image", "unknown type", "audio and text", "malformed filters", "too long"],
)
def test_ask_with_bad_audio_is_named_error(
    api: ApiServer, name: str, data: bytes, form: dict[str, str], status: int, slug: str, detail: str
) -> None:
    response = api.client.post("/v1/ask", files={"audio": (name, data)}, data=form)
    assert detail in assert_problem(response, status, slug)["detail"]


def test_ask_with_audio_in_other_field_is_refused(api: ApiServer, question: bytes) -> None:
    document = assert_problem(api.client.post("/v1/ask", files={"sound": ("q.wav", question)}), 400, "invalid-input")
    assert "audio" in document["detail"]
