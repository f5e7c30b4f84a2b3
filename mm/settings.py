"""All settings, read from `MM_*` environment variables. `docs/settings.md` is generated."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """The settings, with defaults for a laptop. An invalid value is an error at the start."""

    model_config = SettingsConfigDict(env_prefix="MM_", frozen=True, extra="ignore")

    home: Path = Field(Path("~/.mm"), description="Folder of all local state: blobs, catalog, shards, index.")
    host: str = Field("127.0.0.1", description="Address on which the API listens.")
    port: int = Field(8321, ge=0, le=65535, description="Port on which the API listens; 0 selects a free port.")
    keys: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether requests need an API key; `auto` requires one unless the API listens on loopback only."
    )
    allowed_hosts: str = Field(
        "",
        description="Comma-separated host names that an API without keys accepts in requests, besides addresses and `localhost`.",
    )
    trusted_proxies: str = Field(
        "",
        description="Comma-separated addresses and networks (CIDR) of reverse proxies whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are trusted; empty trusts none.",
    )
    session_hours: float = Field(24.0, gt=0, le=24 * 366, description="Lifetime of a browser session, in hours.")
    wrong_keys_per_minute: int = Field(
        30,
        gt=0,
        description="Wrong keys per minute from one address, and 20 times as many in total, above which the API responds 429.",
    )
    rate_per_minute: int | None = Field(
        None,
        ge=0,
        description="Requests per minute of one key or address; 0 is no limit, unset is 1200 unless the API is on loopback only.",
    )
    database_url: str = Field("", description="SQLAlchemy URL of the catalog; empty uses SQLite in the home folder.")
    broker_url: str = Field("", description="`redis://` URL of Valkey or Redis; empty starts an embedded Valkey.")

    space: str = Field("lite", description="Space that encodes media and queries: `lite` or `openclip:MODEL/PRETRAINED`.")
    download_models: bool = Field(
        False, description="Whether the weights of a larger space may be downloaded; otherwise they must be on this disk."
    )
    runtime: Literal["auto", "onnxruntime", "onnxruntime-int8", "openvino", "openvino-bf16", "openvino-int8", "cuda"] = Field(
        "auto",
        description="Runtime of the image tower; `auto` is the one that was measured as fastest on this machine, before that "
        "`onnxruntime-int8` on processors with 8-bit dot products, else `onnxruntime`. "
        "`cuda` also runs the built-in language model.",
    )
    threads: int = Field(0, ge=0, description="Threads per tower; 0 uses all cores.")
    processes: int = Field(
        0,
        ge=0,
        le=64,
        description="Chunks that a worker processes concurrently; 0 is 1 on a CPU, on a GPU half the number of cores, up to 4.",
    )
    decoder: Literal["auto", "pyav", "decord"] = Field(
        "auto",
        description="Video decoder; `auto` is PyAV without the frames that sampling does not need, `pyav` decodes every frame, "
        "`decord` reads only videos of formats for which it is exact.",
    )

    speech: str = Field(
        "moonshine",
        description="Speech recognizer: `moonshine` (English), or `whisper:NAME|PATH`, a model of Whisper in the format of "
        "CTranslate2 that is on this disk; needs the package `faster-whisper`.",
    )
    speech_language: str = Field(
        "", description="Code of the language that is spoken, such as `de`; empty identifies it (Whisper only)."
    )

    sets_cache: Path | None = Field(
        None, description="Folder for images out of the Parquet files of data sets; unset is `cache/sets` in the home folder."
    )
    lesion_weights: Path | None = Field(None, description="Weights of the lesion network; unset uses the shipped ones.")

    language: str = Field(
        "auto",
        description="Language model: `builtin`, a folder or GGUF file, or its name in `MM_HOME/models`; `auto` is the "
        "server of `MM_LANGUAGE_URL` if that is set, else `builtin`; `off` disables it.",
    )
    language_url: str = Field("", description="URL of a server with the chat API of OpenAI, such as `http://127.0.0.1:8000/v1`.")
    language_api_key: str = Field("", repr=False, description="API key that is sent to the server of `MM_LANGUAGE_URL`.")
    language_model: str = Field(
        "", description="Name of the model on the server of `MM_LANGUAGE_URL`; empty uses the first one that it lists."
    )
    language_precision: Literal["int4", "int8", "fp16"] = Field(
        "int4", description="Precision of the weights of the built-in language model."
    )
    language_cache_mb: int = Field(
        1152,
        ge=8,
        description="Most memory for the keys and values of a language model on this machine, in MiB; 1 MiB is 7 tokens of the "
        "built-in model.",
    )
    language_seconds: float = Field(
        120.0, gt=0, description="Longest time without a byte from the server of `MM_LANGUAGE_URL`, in seconds."
    )
    language_idle_seconds: float = Field(
        600.0, gt=0, description="Time without a request after which the process of the language model ends, in seconds."
    )

    agent_steps: int = Field(4, ge=1, le=16, description="Most tools that an agent calls for one question.")
    upload_bytes: int = Field(8 << 30, gt=0, description="Largest upload, in bytes.")
    query_bytes: int = Field(64 << 20, gt=0, description="Largest image, audio or clip file of a query, in bytes.")
    query_chars: int = Field(2000, gt=0, description="Longest text of a query, in characters.")
    query_seconds: float = Field(60.0, gt=0, description="Longest audio or clip of a query, in seconds.")
    chat_messages: int = Field(1000, gt=0, description="Largest number of messages of a conversation.")
    chat_chars: int = Field(400_000, gt=0, description="Longest text of a conversation, in characters.")
    max_hits: int = Field(1000, gt=0, description="Largest number of hits of one search.")
    media_pixels: int = Field(120_000_000, gt=0, description="Largest image or video frame, in pixels.")
    media_gif_pixels: int = Field(
        2_000_000_000, gt=0, description="Largest sum of the pixels of all frames of an animated image."
    )
    media_seconds: float = Field(4 * 3600.0, gt=0, description="Longest video or audio file, in seconds.")
    import_root: Path | None = Field(None, description="Folder from which the server may import files; unset disables imports.")

    max_waiting_jobs: int = Field(10_000, gt=0, description="Unfinished jobs at which new uploads are refused.")
    max_examples: int = Field(5000, gt=0, description="Largest number of examples of an inspector.")
    max_inspected: int = Field(10_000, gt=0, description="Largest number of items of one inspection.")
    caller_share: float = Field(
        0.25,
        gt=0,
        le=1,
        description="Largest share of each concurrency limit for one key, or one address without a key.",
    )
    max_connections: int = Field(
        1000, gt=0, description="Concurrent connections; above this number, connections that wait for a request are closed."
    )
    head_seconds: float = Field(
        10.0, gt=0, description="Longest time from the start of a connection to the end of the request headers, in seconds."
    )
    body_silence_seconds: float = Field(30.0, gt=0, description="Longest pause between two bytes of a request body, in seconds.")
    body_bytes_per_second: float = Field(
        1024.0,
        gt=0,
        description="Lowest average rate of a request body after the first `MM_BODY_SILENCE_SECONDS`, in bytes per second.",
    )
    answer_silence_seconds: float = Field(
        120.0, gt=0, description="Longest time in which a client reads no byte of a response that is being sent, in seconds."
    )
    max_searches: int = Field(64, gt=0, description="Concurrent searches; also concurrent uploads of query files.")
    max_chats: int = Field(256, gt=0, description="Concurrent requests to the language model.")
    max_uploads: int = Field(64, gt=0, description="Concurrent uploads.")
    max_thumbnails: int = Field(2, gt=0, description="Thumbnails that are decoded concurrently.")
    thumbnail_seconds: float = Field(
        20.0,
        gt=0,
        description="Longest time that a thumbnail request waits, and longest time that its decoding takes, in seconds.",
    )
    max_event_streams: int = Field(256, gt=0, description="Concurrent event streams of jobs.")
    max_downloads: int = Field(256, gt=0, description="Concurrent downloads of stored files.")
    max_partial_uploads: int = Field(256, gt=0, description="Unfinished resumable uploads in total.")
    max_partial_uploads_per_key: int = Field(
        64, gt=0, description="Unfinished resumable uploads of one key, or of one address without a key."
    )
    upload_empty_seconds: float = Field(
        600.0, gt=0, description="Age at which a resumable upload without any byte is removed, in seconds."
    )
    upload_seconds: float = Field(
        24 * 3600.0, gt=0, description="Time without new bytes after which an unfinished resumable upload is removed, in seconds."
    )

    metadata: Literal["keep", "hide", "strip"] = Field(
        "keep",
        description="What happens to time, camera and place in the metadata of files: `keep` stores and shows them, `hide` "
        "stores them and shows none of them, `strip` in addition sends files without their metadata.",
    )

    sandbox_memory: int = Field(2 << 30, gt=0, description="Memory limit of one decoding child beyond its own code, in bytes.")
    sandbox_total_memory: int | None = Field(
        None,
        ge=256 << 20,
        description="Memory limit of all decoding children of one process, in bytes; "
        "default is half of the memory of the machine or container.",
    )
    sandbox_seconds: float = Field(
        120.0, gt=0, description="Longest time without a message from a decoding child during a request, in seconds."
    )
    sandbox_request_seconds: float = Field(3600.0, gt=0, description="Longest time of one decoding request, in seconds.")
    sandbox_requests: int = Field(
        200,
        gt=0,
        description="Requests after which a decoding child is replaced, and forks after which a fork server is replaced.",
    )
    sandbox_minimum: Literal["limits", "one", "both"] = Field(
        "one",
        description="Sandbox layers that decoding requires: `limits` alone, or also `one` or `both` of seccomp and Landlock.",
    )
    sandbox_allow_known_holes: bool = Field(
        False, description="Whether to decode although the installed FFmpeg has known vulnerabilities."
    )

    chunk_seconds: float = Field(
        120.0, gt=0, le=600, description="Longest chunk of video or audio that one task encodes, in seconds."
    )
    segment_seconds: float = Field(10.0, gt=0, description="Longest segment, the unit of search results, in seconds.")
    event_cuts: Literal["on", "off"] = Field(
        "on",
        description="Whether a long shot of a camera that stands still is also cut where something begins and ends to move, so "
        "that a search result is the event. Affects later uploads.",
    )
    read_text: Literal["auto", "always", "off"] = Field(
        "auto",
        description="When text in images is recognized: `auto` uses up to a tenth of the encoding time and recognizes the rest "
        "when no job waits, `always` recognizes all of it during encoding, `off` none.",
    )
    captions: Literal["on", "off"] = Field(
        "on",
        description="Whether a sentence is written about each photo and each scene of a video, when no job waits; needs the "
        "trained weights of the language model.",
    )
    caption_confidence: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Least probability that a caption is right about its image. Captions below are kept, and neither shown nor "
        "searched nor quoted.",
    )
    sample_fps: float = Field(2.0, gt=0, description="Largest number of frames per second that are encoded.")
    lease_seconds: float = Field(
        60.0, gt=0, description="Time without a heartbeat after which a worker loses the lease of its chunk, in seconds."
    )
    stall_seconds: float = Field(
        900.0, gt=0, description="Time without progress after which an encoding worker exits, to be restarted, in seconds."
    )
    max_attempts: int = Field(3, gt=0, description="Attempts to encode a chunk after which its item is quarantined.")
    sweep_seconds: float = Field(
        5.0,
        gt=0,
        description="Interval at which lost work is dispatched again, in seconds; four times as long without work, at most 20 s.",
    )
    leftover_seconds: float = Field(
        24 * 3600.0, gt=0, description="Age at which garbage collection moves an orphaned file to the trash, in seconds."
    )
    trash_days: float = Field(
        30.0,
        ge=0,
        description="Days for which a deleted item, and a file that garbage collection moved, are kept in the trash and can be "
        "restored; 0 keeps them until the trash is emptied.",
    )
    export_days: float = Field(
        7.0, ge=0, description="Days for which the files of an export of clips are kept; 0 keeps them until they are deleted."
    )
    sweep_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest share of the blobs, or of the shards, that one garbage collection moves to the trash without "
        "`mm doctor --collect`; 10 files are always allowed.",
    )
    search: Literal["auto", "exact", "approximate"] = Field(
        "auto", description="Search method; `auto` is exact up to a library size, `approximate` can miss hits."
    )
    refresh_seconds: float = Field(
        1.0,
        gt=0,
        description="Interval in which the API polls an SQLite catalog for changes, in seconds; PostgreSQL notifies it.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest severity that is logged.")

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        for text in filter(None, map(str.strip, value.split(","))):
            try:
                ipaddress.ip_network(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is not an address or a network such as 10.0.0.0/8: {error}") from error
        return value

    @cached_property
    def root(self) -> Path:
        """`home` as an absolute path, with `~` resolved."""
        return self.home.expanduser().resolve()

    @property
    def is_local(self) -> bool:
        """Whether the API listens on loopback only."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @cached_property
    def proxy_networks(self) -> tuple[Network, ...]:
        """`trusted_proxies`, parsed."""
        return tuple(ipaddress.ip_network(text.strip()) for text in self.trusted_proxies.split(",") if text.strip())

    @property
    def needs_key(self) -> bool:
        """Whether requests need an API key."""
        return self.keys == "on" or (self.keys == "auto" and not self.is_local)

    @property
    def catalog_url(self) -> str:
        """SQLAlchemy URL of the catalog, default included."""
        return self.database_url or f"sqlite:///{self.root / 'catalog.db'}"


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Raises `InvalidInput` with one sentence for every invalid value.
    """
    from pydantic import ValidationError

    from mm.errors import InvalidInput

    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"MM_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise InvalidInput("Invalid settings. " + "; ".join(lines)) from error
