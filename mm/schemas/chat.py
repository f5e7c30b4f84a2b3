"""Chat completions, in the format of OpenAI's API, with parts for media of the library."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_CHAT_PARTS = 256
"""Parts of the content of one message."""


class OpenModel(BaseModel):
    """Immutable; unknown fields are ignored, because clients of OpenAI send many."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(OpenModel):
    type: Literal["text"] = "text"
    text: str


class ImageURL(OpenModel):
    url: str = Field(
        description="A data URL (`data:image/...;base64,...`), or `/v1/media/ID/content` for an image of the library."
    )


class ImagePart(OpenModel):
    type: Literal["image_url"] = "image_url"
    image_url: ImageURL


class InputAudio(OpenModel):
    data: str = Field(description="The file, as base64.")
    format: str = "wav"


class AudioPart(OpenModel):
    """Audio whose speech is recognized; without speech, its sounds are named."""

    type: Literal["input_audio"] = "input_audio"
    input_audio: InputAudio


class MediaPart(OpenModel):
    """An item of the library; of a video or audio file, the time range [start, end) in seconds."""

    type: Literal["media"] = "media"
    media_id: str
    start: float | None = Field(None, ge=0, le=1e9)
    end: float | None = Field(None, ge=0, le=1e9)


ContentPart = Annotated[TextPart | ImagePart | AudioPart | MediaPart, Field(discriminator="type")]


class FunctionCall(OpenModel):
    name: str
    arguments: str = Field(description="A JSON object, as text.")


class ChatToolCall(OpenModel):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class ChatInput(OpenModel):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[ContentPart], Field(max_length=MAX_CHAT_PARTS)] | None = None
    tool_calls: list[ChatToolCall] | None = None
    tool_call_id: str | None = None


class FunctionDefinition(OpenModel):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    parameters: dict[str, object] | None = Field(None, description="JSON Schema of the arguments.")


class ChatTool(OpenModel):
    type: Literal["function"] = "function"
    function: FunctionDefinition


class NamedFunction(OpenModel):
    name: str


class NamedTool(OpenModel):
    type: Literal["function"] = "function"
    function: NamedFunction


class JSONSchemaFormat(OpenModel):
    name: str = "answer"
    json_schema: dict[str, object] = Field(alias="schema", default_factory=dict)


class ResponseFormat(OpenModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JSONSchemaFormat | None = None


class StreamOptions(OpenModel):
    include_usage: bool = False


class ChatCompletionRequest(OpenModel):
    """A conversation that the model continues. Fields have the meaning of OpenAI's API; those that
    are not listed are ignored."""

    messages: list[ChatInput] = Field(min_length=1)
    model: str | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1, description="The same as `max_tokens`.")
    temperature: float | None = Field(None, ge=0, le=2, description="Default 0.2.")
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    n: int | None = Field(None, description="Must be 1.")
    seed: int | None = Field(None, ge=0, lt=2**63)
    stop: str | list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[ChatTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    response_format: ResponseFormat | None = None
    presence_penalty: float | None = Field(None, description="Must be 0.")
    frequency_penalty: float | None = Field(None, description="Must be 0.")
    logit_bias: dict[str, float] | None = Field(None, description="Must be empty.")
    expert_preference: list[str] | None = Field(None, description="Groups of experts to prefer; a leading `-` avoids one.")


class ChatLogprobAlternative(OpenModel):
    token: str
    bytes: list[int] | None = None
    logprob: float


class ChatTokenLogprob(ChatLogprobAlternative):
    top_logprobs: list[ChatLogprobAlternative] = []


class ChatLogprobs(OpenModel):
    content: list[ChatTokenLogprob]


class ChatOutput(OpenModel):
    role: Literal["assistant"] = "assistant"
    content: str | None = None
    tool_calls: list[ChatToolCall] | None = None


class ChatChoice(OpenModel):
    index: int = 0
    message: ChatOutput
    logprobs: ChatLogprobs | None = None
    finish_reason: str


class PromptTokensDetails(OpenModel):
    cached_tokens: int = 0


class ChatUsage(OpenModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails = PromptTokensDetails()


class ChatCompletion(OpenModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage | None = None
    notes: list[str] = Field([], description="What was not done as requested, in full sentences.")


class ToolCallDelta(ChatToolCall):
    index: int


class ChatChunkDelta(OpenModel):
    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChatChunkChoice(OpenModel):
    index: int = 0
    delta: ChatChunkDelta
    logprobs: ChatLogprobs | None = None
    finish_reason: str | None = None


class ChatCompletionChunk(OpenModel):
    """An event of a streamed completion."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: ChatUsage | None = None
    notes: list[str] = []
