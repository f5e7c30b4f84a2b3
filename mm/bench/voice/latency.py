"""Delay from the end of a spoken question to its words and to the first sentence of the answer.

The recording is sent when it is complete, as the page does, so the clock starts with the request.
"""

from __future__ import annotations

import io
import json
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx2

from mm.client.transport import Address
from mm.errors import InvalidInput, Unavailable
from mm.models.wheels import find_package_folder

if TYPE_CHECKING:
    from mm.client import Client

RESPONSE_SECONDS = 120.0
SPEECH_SECONDS = 4.0
"""Length of the default question."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from the request."""

    words: float
    """To the recognized words."""
    sentence: float | None
    """To the first sentence of the answer; None for a refusal."""
    done: float
    """To the end of the answer."""


@dataclass(frozen=True, slots=True)
class VoiceReport:
    """One run; the names of the fields are the keys of `--json`."""

    heard: str
    model: str
    first: Delays
    """Of the first question, for which the speech recognizer is loaded unless it was in use."""
    rest: list[Delays]

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f'Recognized: "{self.heard}"; answered by {self.model}.',
            "",
            "| ms after the end of speech | first question | median of the others | slowest |",
            "| --- | --- | --- | --- |",
            *(self._line(label, name) for label, name in (("words", "words"), ("first sentence", "sentence"), ("end", "done"))),
        ]

    def _line(self, label: str, name: str) -> str:
        values = [value for delays in self.rest if (value := getattr(delays, name)) is not None]
        first = getattr(self.first, name)
        shown = [first, median(values) if values else None, max(values, default=None)]
        return f"| {label} | {' | '.join('-' if value is None else f'{value:.0f}' for value in shown)} |"


def run(client: Client, audio: Path | None, repeats: int) -> VoiceReport:
    """Ask the same question `repeats` + 1 times, one after the other.

    Raises `InvalidInput` for audio without speech, `Unavailable`.
    """
    name, data = ("question.wav", cut_default_question()) if audio is None else (audio.name, audio.read_bytes())
    address = Address.parse(client.url, RESPONSE_SECONDS)
    client.search(text="a first query", k=1)  # loads the towers
    runs = [_ask(address, name, data) for _ in range(repeats + 1)]
    heard, model = runs[0][1], runs[0][2]
    return VoiceReport(heard, model, runs[0][0], [delays for delays, _, _ in runs[1:]])


def cut_default_question() -> bytes:
    """The first seconds of a recording of the package `moonshine-voice`, as a WAV file."""
    folder = find_package_folder("moonshine_voice", "moonshine-voice", "the speech tower")
    with wave.open(str(folder / "assets" / "two_cities.wav")) as source:
        frames = source.readframes(int(SPEECH_SECONDS * source.getframerate()))
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as target:
            target.setparams(source.getparams())
            target.writeframes(frames)
    return buffer.getvalue()


def _ask(address: Address, name: str, data: bytes) -> tuple[Delays, str, str]:
    """Return the delays of one question, its words, and what answered it."""
    start = time.perf_counter()
    words = sentence = None
    heard = ""
    with address.translate_errors(), httpx2.Client(headers=address.headers, timeout=address.timeout) as http:
        url = f"{address.url}/v1/ask"
        with http.stream("POST", url, files={"audio": (name, data)}, data={"stream": "true"}) as response:
            if response.status_code != httpx2.codes.OK:
                raise InvalidInput(f"The service refused the question: {json.loads(response.read())['detail']}")
            for event, document in _read_events(response.iter_lines()):
                now = 1e3 * (time.perf_counter() - start)
                if event == "heard":
                    words, heard = now, document["text"]
                elif event == "sentence":
                    sentence = sentence or now
                elif event == "error":
                    raise Unavailable(document["detail"])
                elif event == "done":
                    return Delays(words or now, sentence, now), heard, document["model"]
    raise Unavailable("The answer ended before its last event.")


def _read_events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name and the document of each server-sent event."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
