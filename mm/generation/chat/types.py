"""A conversation, what it may contain, and the interface of a model that continues it.

The names are those of the chat API of OpenAI where it has one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from mm.errors import InvalidInput
from mm.generation.request import Candidate, SamplingParams
from mm.numerics import Float32

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "abort", "error"]
"""As in `mm.generation.request`; `tool_calls`: the message calls tools."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageMedia:
    """An image, as the image tower and the space describe it."""

    map_HWC: Float32
    """The feature map of the image tower before pooling."""
    vector_D: Float32
    """In the shared space."""
    jpeg: bytes = b""
    """The image itself, for models of other servers; the built-in model does not need it."""
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A part of a video, in seconds from its start, and its vector in the shared space."""

    start: float
    end: float
    vector_D: Float32


@dataclass(frozen=True, slots=True, eq=False)
class VideoMedia:
    """A video: all scenes by their vectors, a few of its frames as images."""

    scenes: tuple[Scene, ...]
    frames: tuple[ImageMedia, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SoundMedia:
    """A sound, as the sound tower describes it."""

    vector_D: Float32
    class_names: tuple[str, ...] = ()
    """The most probable classes, such as `Dog` or `Siren`."""
    label: str = ""


Media = ImageMedia | VideoMedia | SoundMedia


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: str = '{"type": "object"}'
    """JSON Schema of the arguments, as text."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str
    """A JSON object, as text."""


@dataclass(frozen=True, slots=True, eq=False)
class ChatMessage:
    """One message. Its media come before its text. Raises `InvalidInput` for another role."""

    role: Role
    text: str
    media: tuple[Media, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message."""
    tool_call_id: str = ""
    """The call that a message of the role `tool` answers."""

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise InvalidInput(f"The role of a message must be one of {', '.join(get_args(Role))}, not {self.role!r:.40}.")


@dataclass(frozen=True, slots=True, eq=False)
class ChatRequest:
    """A conversation to be continued by the assistant. Raises `InvalidInput` for no messages and
    for a `tool_choice` that names no tool."""

    messages: tuple[ChatMessage, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the tool to call."""
    expert_preference: tuple[str, ...] = ()
    """Groups of experts that the router prefers; a leading `-` avoids one."""
    key: str = ""
    """The API key that is served fairly beside the other keys."""
    task: str = "chat"
    """What the request is for; use of experts is counted by it."""

    def __post_init__(self) -> None:
        if not self.messages:
            raise InvalidInput("A conversation needs at least one message.")
        names = [tool.name for tool in self.tools]
        if self.tool_choice not in ("auto", "none", "required", *names):
            raise InvalidInput(f"tool_choice is {self.tool_choice!r:.80}; it must be auto, none, required or the name of a tool.")
        if self.tool_choice == "required" and not names:
            raise InvalidInput("tool_choice is required, but the request has no tools.")
        if len({*names}) != len(names):
            raise InvalidInput("Two tools have the same name.")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that were in the cache."""


@dataclass(frozen=True, slots=True)
class ChatLogprob:
    """A generated token with its natural log probability."""

    token: str
    data: bytes
    """The token may be a part of a character."""
    logprob: float
    top: tuple[ChatLogprob, ...] = ()
    """The most probable tokens, in descending order, without alternatives of their own."""


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """What a step added to the answer. Joined, the texts are the answer; the last has a reason."""

    text: str = ""
    finish_reason: FinishReason | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    """Complete calls."""
    logprobs: tuple[ChatLogprob, ...] = ()
    usage: Usage | None = None
    """In the last delta, where the model reports it."""
    notes: tuple[str, ...] = ()
    """What was not done as requested, in full sentences."""
    candidates: tuple[Candidate, ...] = ()
    """Of a beam search, best first, in its only delta."""


MediaInput = Literal["none", "maps", "files"]
"""What a model reads of media: nothing, the maps and vectors of `ImageMedia`, or its `jpeg`."""


class ChatModel(Protocol):
    """Any model that continues conversations. Safe to call from several threads.

    Both methods raise an `MMError` instead of a delta, before or after the first one; closing the
    iterator cancels the request.
    """

    name: str

    @property
    def media_input(self) -> MediaInput:
        """What the model reads of media. May load the model: call it in a thread."""
        ...

    def stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]: ...

    def stream_async(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]: ...
