"""A chat model on another server, by URL: vLLM, SGLang, llama.cpp, Ollama, or a vendor's."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

import httpx2

from mm.errors import GenerationInterrupted, InvalidInput, Unavailable
from mm.generation.grammar import Choice
from mm.generation.upstream.answer import AnswerReader
from mm.generation.upstream.body import build_body
from mm.generation.upstream.failures import convert_status, find_refused_fields, parse_seconds, retry_delay

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from mm.generation.chat.types import ChatDelta, ChatRequest, MediaInput

CONNECT_SECONDS = 10.0
CONNECTION_ERRORS = (httpx2.ConnectError, httpx2.ConnectTimeout)
CONNECTION_LOST = 503
"""The status for retries of a connection that could not be made."""


class _Options(TypedDict):
    """Arguments of both HTTP clients."""

    verify: ssl.SSLContext | bool
    timeout: httpx2.Timeout
    headers: dict[str, str]
    trust_env: bool


class UpstreamChat:
    """Implements `mm.generation.chat.types.ChatModel`.

    A request is repeated while the server is overloaded or starting, at most three times, and only
    before the first token. Both methods raise `Unavailable` when the server does not respond or
    refuses the key, `TooMany`, `TooLarge` and `InvalidInput` as the server reports them,
    `UnsupportedMedia` for an image without its bytes, and `GenerationInterrupted` for an answer
    that ends early.
    """

    def __init__(self, url: str, model: str = "", api_key: str = "", silence_seconds: float = 120.0) -> None:
        """`url` is that of the API, with `/v1`, which is added to a URL without a path. Without
        `model`, the first one that the server lists is used.

        Raises `InvalidInput` for an invalid URL or key.
        """
        self._url = _parse_url(url)
        self.server = f"{self._url.host}:{self._url.port}" if self._url.port else self._url.host
        self.name = model
        """Of the model; empty until the first request when the server is to choose."""
        if not (api_key.isascii() and api_key.isprintable()):
            raise InvalidInput("MM_LANGUAGE_API_KEY has characters that a key cannot have.")
        self.refused: frozenset[str] = frozenset()
        """Optional fields that the server has refused."""
        self._silence_seconds = silence_seconds
        self._endpoint = f"{self._url}/chat/completions"
        self._options: _Options = {
            "verify": ssl.create_default_context() if self._url.scheme == "https" else False,
            "timeout": httpx2.Timeout(silence_seconds, connect=min(CONNECT_SECONDS, silence_seconds)),
            "headers": {"Authorization": f"Bearer {api_key}"} if api_key else {},
            "trust_env": not _is_loopback(self._url.host),  # proxies of the environment
        }

    @property
    def media_input(self) -> MediaInput:
        return "files"

    def stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        """The answer as it arrives. Closing the iterator closes the connection."""
        with self._translate(), httpx2.Client(**self._options) as http:
            if not self.name:
                self._choose_model(http.get(f"{self._url}/models"))
            attempts = _Attempts(self, request)
            while True:
                try:
                    response = http.send(http.build_request("POST", self._endpoint, json=attempts.build_body()), stream=True)
                except CONNECTION_ERRORS as error:
                    time.sleep(attempts.delay_after_error(error))
                else:
                    if response.status_code == 200:
                        break
                    time.sleep(attempts.delay_after_response(response, response.read()))
            reader = attempts.make_reader()
            try:
                for line in response.iter_lines():
                    if (delta := reader.push_line(line)) is not None:
                        yield delta
                    if reader.is_done:
                        break
            finally:
                response.close()
            yield reader.finish()

    async def stream_async(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """`stream` for an event loop: a cancelled task closes the connection."""
        with self._translate():
            async with httpx2.AsyncClient(**self._options) as http:
                if not self.name:
                    self._choose_model(await http.get(f"{self._url}/models"))
                attempts = _Attempts(self, request)
                while True:
                    try:
                        sent = http.build_request("POST", self._endpoint, json=attempts.build_body())
                        response = await http.send(sent, stream=True)
                    except CONNECTION_ERRORS as error:
                        await asyncio.sleep(attempts.delay_after_error(error))
                    else:
                        if response.status_code == 200:
                            break
                        await asyncio.sleep(attempts.delay_after_response(response, await response.aread()))
                reader = attempts.make_reader()
                try:
                    async for line in response.aiter_lines():
                        if (delta := reader.push_line(line)) is not None:
                            yield delta
                        if reader.is_done:
                            break
                finally:
                    await response.aclose()
                yield reader.finish()

    def list_models(self, seconds: float) -> list[str]:
        """The names of the server's models. Raises `Unavailable`, also after `seconds`."""
        with self._translate(), httpx2.Client(**self._options) as http:
            return self._read_names(http.get(f"{self._url}/models", timeout=seconds))

    def report_metrics(self) -> bytes:
        """Nothing: the server has metrics of its own."""
        return b""

    def close(self) -> None:
        """Nothing to close: each request has its own connection."""

    def _choose_model(self, response: httpx2.Response) -> None:
        self.name = self._read_names(response)[0]

    def _read_names(self, response: httpx2.Response) -> list[str]:
        if response.status_code != 200:
            raise convert_status(self.server, "", response.status_code, response.content)
        try:
            names = [str(model["id"]) for model in response.json()["data"]]
        except (ValueError, LookupError, TypeError):
            names = []
        if not names:
            raise Unavailable(f"The language server {self.server} lists no model; name one with MM_LANGUAGE_MODEL.")
        return names

    @contextmanager
    def _translate(self) -> Iterator[None]:
        """Convert errors of the connection."""
        try:
            yield
        except CONNECTION_ERRORS as error:
            raise Unavailable(f"The language server {self.server} does not respond (MM_LANGUAGE_URL): {error}.") from error
        except httpx2.TimeoutException as error:
            raise GenerationInterrupted(
                f"The language server {self.server} sent nothing for {self._silence_seconds:g} s (MM_LANGUAGE_SECONDS)."
                " Send the request again."
            ) from error
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            raise GenerationInterrupted(
                f"The connection to the language server {self.server} was lost: {error or type(error).__name__}."
                " Send the request again."
            ) from error


class _Attempts:
    """The attempts of one request."""

    def __init__(self, chat: UpstreamChat, request: ChatRequest) -> None:
        self._chat, self._request = chat, request
        self._refused = set(chat.refused)
        self._number = 1

    def build_body(self) -> dict[str, object]:
        return build_body(self._request, self._chat.name, self._refused)

    def delay_after_error(self, error: httpx2.TransportError) -> float:
        """Seconds until the next attempt. Raises the error after the last one."""
        return self._next(retry_delay(CONNECTION_LOST, self._number), error)

    def delay_after_response(self, response: httpx2.Response, content: bytes) -> float:
        """Like `delay_after_error`, after a status other than 200."""
        status, retry_after = response.status_code, response.headers.get("retry-after", "")
        if refused := find_refused_fields(status, content, self.build_body().keys()):
            self._refused |= refused
            return 0.0
        error = convert_status(self._chat.server, self._chat.name, status, content, retry_after)
        delay = self._next(retry_delay(status, self._number), error)
        return max(delay, parse_seconds(retry_after)) if retry_after else delay

    def make_reader(self) -> AnswerReader:
        """After the success: what the server refused is left out from now on."""
        chat, params = self._chat, self._request.params
        chat.refused = frozenset(self._refused)
        values = {"seed": params.seed, "top_k": params.top_k, "logprobs": params.logprobs, "ignore_eos": params.ignore_eos}
        ignored = [name for name, value in values.items() if value and name in self._refused]
        if self._request.expert_preference:
            ignored.append("expert_preference")
        notes = tuple(f"{name} is ignored by the language server {chat.server}." for name in ignored)
        return AnswerReader(chat.server, is_choice=isinstance(params.grammar, Choice), notes=notes)

    def _next(self, delay: float | None, error: Exception) -> float:
        if delay is None:
            raise error
        self._number += 1
        return delay


def _parse_url(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url.rstrip("/"))
    except httpx2.InvalidURL as error:
        raise InvalidInput(f"MM_LANGUAGE_URL is not a URL: {error}.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidInput(f"MM_LANGUAGE_URL is {url!r}; it must be an HTTP URL such as http://127.0.0.1:8000/v1.")
    return parsed.copy_with(path="/v1") if parsed.path in ("", "/") else parsed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
