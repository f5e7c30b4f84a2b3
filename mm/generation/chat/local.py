"""A chat model of this machine, over an engine process that runs while it is used."""

from __future__ import annotations

import asyncio
import secrets
import threading
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mm.errors import GenerationFailed
from mm.generation.chat.lazy_engine import LazyEngine
from mm.generation.chat.prompt import build_prompt
from mm.generation.chat.tools import ToolCallParser
from mm.generation.chat.types import ChatDelta, ChatLogprob, Usage
from mm.generation.grammar import TaggedJson
from mm.generation.request import Request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from mm.generation.chat.local_model import LocalModel
    from mm.generation.chat.prompt import Prompt
    from mm.generation.chat.types import ChatRequest, FinishReason, MediaInput
    from mm.generation.process import EngineProcess
    from mm.generation.request import RequestOutput, TokenLogprobs
    from mm.generation.vocabulary import Vocabulary
    from mm.numerics import Float32


class LocalChat:
    """Implements `mm.generation.chat.types.ChatModel`. Model and process start at first use.

    Both methods raise `TooLarge` for a message that does not fit, `UnsupportedMedia` for media
    that the model cannot read, `InvalidInput` for a schema that cannot be used and for unknown
    expert groups, `Unavailable` and `GenerationInterrupted` when the process cannot be started or
    ended; a request that fails with these two may be sent again.
    """

    def __init__(self, name: str, load_model: Callable[[], LocalModel], idle_seconds: float = 600.0) -> None:
        self.name = name
        self._load_model = load_model
        self._idle_seconds = idle_seconds
        self._loading = threading.Lock()
        self._loaded: tuple[LocalModel, LazyEngine] | None = None

    @property
    def media_input(self) -> MediaInput:
        """Loads the model. Raises what `load_model` raises."""
        return "none" if self._load()[0].embedder is None else "maps"

    @property
    def num_beams(self) -> int:
        """Of a beam search, as `SamplingParams.num_beams`; 1 without one. Loads the model."""
        return self._load()[0].num_beams

    def stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        """The answer as it is generated. Closing the iterator cancels the request."""
        prepared = self._prepare(request)
        process = prepared.engine.acquire()
        try:
            for output in process.generate(prepared.request):
                if (delta := prepared.answer.convert(output)) is not None:
                    yield delta
        finally:
            prepared.engine.release()

    async def stream_async(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """`stream` for an event loop: a cancelled task cancels the request."""
        prepared = await asyncio.to_thread(self._prepare, request)
        process = await _acquire(prepared.engine)
        try:
            async with aclosing(process.generate_async(prepared.request)) as outputs:
                async for output in outputs:
                    if (delta := prepared.answer.convert(output)) is not None:
                        yield delta
        finally:
            prepared.engine.release()

    def report_metrics(self) -> bytes:
        """Metrics of the engine in the format of Prometheus; b"" while no process runs."""
        process = None if self._loaded is None else self._loaded[1].process
        return b"" if process is None else process.report_metrics()

    def close(self) -> None:
        """End the process. Requests in flight end with `GenerationInterrupted`."""
        with self._loading:
            if self._loaded is not None:
                self._loaded[1].close()

    def _load(self) -> tuple[LocalModel, LazyEngine]:
        with self._loading:
            if self._loaded is None:
                model = self._load_model()
                self._loaded = model, LazyEngine(model.make_engine, self._idle_seconds)
            return self._loaded

    def _prepare(self, request: ChatRequest) -> _Prepared:
        model, engine = self._load()
        prompt = build_prompt(request, model.template, model.embedder, self.name, model.max_request_len)
        bias = None
        if request.expert_preference and model.make_expert_bias is None:
            note = f"expert_preference is ignored: the model {self.name} has no groups of experts."
            prompt = replace(prompt, notes=(*prompt.notes, note))
        elif request.expert_preference and model.make_expert_bias is not None:
            bias = model.make_expert_bias(request.expert_preference)
        return _Prepared(engine, _build_request(request, prompt, bias), _Answer(model.vocabulary, prompt))


async def _acquire(engine: LazyEngine) -> EngineProcess:
    """`engine.acquire` in a thread. A task that is cancelled meanwhile leaves no use behind."""
    acquiring = asyncio.ensure_future(asyncio.to_thread(engine.acquire))

    def release(future: asyncio.Future[EngineProcess]) -> None:
        if not future.cancelled() and future.exception() is None:
            engine.release()

    try:
        return await asyncio.shield(acquiring)
    except asyncio.CancelledError:
        acquiring.add_done_callback(release)
        raise


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    engine: LazyEngine
    request: Request
    answer: _Answer


class _Answer:
    """Converts the outputs of one request."""

    def __init__(self, vocabulary: Vocabulary, prompt: Prompt) -> None:
        self._vocabulary = vocabulary
        self._notes = prompt.notes
        self._parser = ToolCallParser() if isinstance(prompt.params.grammar, TaggedJson) else None

    def convert(self, output: RequestOutput) -> ChatDelta | None:
        """The delta of an output, None for one without content. Raises `GenerationFailed`."""
        if output.finish_reason == "error":
            raise GenerationFailed(output.error)
        text = output.text if self._parser is None else self._parser.push(output.text)
        logprobs = tuple(self._convert_logprobs(token) for token in output.logprobs)
        if output.finish_reason is None:
            return ChatDelta(text, logprobs=logprobs) if text or logprobs else None
        held, calls = ("", ()) if self._parser is None else self._parser.finish()
        usage = Usage(output.num_prompt_tokens, output.num_output_tokens, output.num_cached_tokens)
        reason: FinishReason = "tool_calls" if calls else output.finish_reason
        return ChatDelta(text + held, reason, calls, logprobs, usage, self._notes, output.candidates)

    def _convert_logprobs(self, token: TokenLogprobs) -> ChatLogprob:
        top = tuple(self._convert_logprob(token_id, logprob) for token_id, logprob in token.top)
        return replace(self._convert_logprob(token.token_id, token.logprob), top=top)

    def _convert_logprob(self, token_id: int, logprob: float) -> ChatLogprob:
        data = self._vocabulary.text_bytes(token_id)
        return ChatLogprob(data.decode("utf-8", "replace"), data, logprob)


def _build_request(request: ChatRequest, prompt: Prompt, expert_bias: Float32 | None) -> Request:
    return Request(secrets.token_hex(16), prompt.token_ids, prompt.params, prompt.media, request.key, expert_bias=expert_bias)
