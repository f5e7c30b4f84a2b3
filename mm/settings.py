"""All settings: one class, read from `MM_*` in the environment. `docs/settings.md` is generated
from it."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """What can be set, with the default that suits a laptop. A bad value stops the start with one
    sentence."""

    model_config = SettingsConfigDict(env_prefix="MM_", frozen=True, extra="ignore")

    home: Path = Field(Path("~/.mm"), description="Folder that holds all local state: blobs, catalog, shards, index.")
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8321, ge=0, le=65535, description="Port the API listens on; 0 takes a free one.")
    keys: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether requests need an API key; `auto` asks for one unless only this machine can reach the API."
    )
    allowed_hosts: str = Field(
        "", description="Names, with commas, under which an API without keys may be asked; addresses and `localhost` always may."
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses and networks (CIDR), with commas, of reverse proxies whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed; empty believes none.",
    )
    session_hours: float = Field(24.0, gt=0, le=24 * 366, description="Hours after which a browser has to sign in again.")
    wrong_keys_per_minute: int = Field(
        30, gt=0, description="Wrong keys a minute of one address before they are answered by 429; 20 times as many in total."
    )
    rate_per_minute: int | None = Field(
        None,
        ge=0,
        description="Requests a minute of one key or address; 0 is no limit, unset is 1200 where others reach the API.",
    )
    database_url: str = Field("", description="SQLAlchemy URL of the catalog; empty means SQLite in the home folder.")
    broker_url: str = Field("", description="`redis://` URL of Valkey or Redis; empty starts an embedded Valkey.")

    space: str = Field("lite", description="Space that encodes media and questions: `lite` or `openclip:MODEL/PRETRAINED`.")
    download_models: bool = Field(
        False, description="Whether weights that a larger space names may be taken from the network; else only from this disk."
    )
    runtime: Literal["auto", "onnxruntime", "onnxruntime-int8", "openvino", "openvino-bf16", "openvino-int8", "cuda"] = Field(
        "auto",
        description="What the image tower runs in; `auto` is what was measured to be the fastest on this machine, before that "
        "`onnxruntime-int8` where the processor has dot products of 8-bit integers, else `onnxruntime`.",
    )
    threads: int = Field(0, ge=0, description="Threads a tower may use; 0 means all cores.")
    processes: int = Field(
        0,
        ge=0,
        le=64,
        description="Chunks that a worker decodes and encodes at once; 0 means one, on a GPU half the number of cores, up to 4.",
    )
    decoder: Literal["auto", "pyav", "decord"] = Field(
        "auto",
        description="Video decoder; `auto` is PyAV without the pictures that sampling can spare, `pyav` decodes them all, "
        "`decord` reads only films that it is proven exact on.",
    )

    upload_bytes: int = Field(8 << 30, gt=0, description="Largest upload, in bytes.")
    query_bytes: int = Field(64 << 20, gt=0, description="Largest picture, sound or clip in a question, in bytes.")
    query_chars: int = Field(2000, gt=0, description="Longest question in words, in characters.")
    query_seconds: float = Field(60.0, gt=0, description="Longest sound or clip in a question, in seconds.")
    max_hits: int = Field(1000, gt=0, description="Largest number of hits one search may ask for.")
    media_pixels: int = Field(120_000_000, gt=0, description="Largest picture or frame, in pixels.")
    media_gif_pixels: int = Field(2_000_000_000, gt=0, description="Most pixels that all frames of a GIF have together.")
    media_seconds: float = Field(4 * 3600.0, gt=0, description="Longest video or sound, in seconds.")
    import_root: Path | None = Field(None, description="Folder below which the server may import files; unset forbids it.")

    max_waiting_jobs: int = Field(10_000, gt=0, description="Jobs that wait or run before uploads are refused for a while.")
    caller_share: float = Field(
        0.25,
        gt=0,
        le=1,
        description="Largest part of each limit on requests that one key, or one address without a key, may take.",
    )
    max_connections: int = Field(1000, gt=0, description="Connections at once; beyond, those that wait for a request are closed.")
    head_seconds: float = Field(
        10.0, gt=0, description="Longest time from the start of a connection to the end of a request's head."
    )
    body_silence_seconds: float = Field(30.0, gt=0, description="Longest time in which no byte of a request's body comes.")
    body_bytes_per_second: float = Field(
        1024.0, gt=0, description="Least average rate of a request's body, after the first `MM_BODY_SILENCE_SECONDS`."
    )
    answer_silence_seconds: float = Field(
        120.0, gt=0, description="Longest time in which a caller reads nothing of an answer that is being sent."
    )
    max_searches: int = Field(64, gt=0, description="Questions that wait at once; also questions whose files come in at once.")
    max_uploads: int = Field(64, gt=0, description="Uploads that come in at once.")
    max_thumbnails: int = Field(2, gt=0, description="Thumbnails that are decoded at once.")
    thumbnail_seconds: float = Field(
        20.0, gt=0, description="Longest time that a thumbnail waits for its turn, and that it takes."
    )
    max_event_streams: int = Field(256, gt=0, description="Event streams of jobs that are open at once.")
    max_downloads: int = Field(256, gt=0, description="Stored files that are being sent at once.")
    max_partial_uploads: int = Field(256, gt=0, description="Resumable uploads that may be unfinished at once.")
    max_partial_uploads_per_key: int = Field(64, gt=0, description="Of these, those of one key, or of one address without a key.")
    upload_empty_seconds: float = Field(
        600.0, gt=0, description="Time after which a resumable upload is removed of which no byte has come."
    )
    upload_seconds: float = Field(
        24 * 3600.0, gt=0, description="Time without new bytes after which an unfinished resumable upload is removed."
    )

    sandbox_memory: int = Field(2 << 30, gt=0, description="Most memory of one decoding child beyond its own code, in bytes.")
    sandbox_total_memory: int | None = Field(
        None,
        ge=256 << 20,
        description="Memory of all decoding children of one process together, in bytes. "
        "By default half of what the machine or the container has.",
    )
    sandbox_seconds: float = Field(120.0, gt=0, description="Longest time one decoding request may stay silent, in seconds.")
    sandbox_request_seconds: float = Field(3600.0, gt=0, description="Longest time that one decoding request is waited for.")
    sandbox_requests: int = Field(
        200,
        gt=0,
        description="Requests that a decoding child answers, and children that a fork server forks, before it is replaced.",
    )
    sandbox_minimum: Literal["limits", "one", "both"] = Field(
        "one", description="What nothing is decoded without: the limits alone, also `one` of seccomp and Landlock, or `both`."
    )
    sandbox_allow_known_holes: bool = Field(
        False, description="Decode although something is published against the FFmpeg that is installed."
    )

    chunk_seconds: float = Field(120.0, gt=0, le=600, description="Longest chunk of a video or sound that one task encodes.")
    segment_seconds: float = Field(10.0, gt=0, description="Longest segment, the moment that search returns.")
    read_text: Literal["auto", "always", "off"] = Field(
        "auto",
        description="When text in pictures is read: `auto` reads for up to a tenth of the time of encoding and reads the rest "
        "when no job waits, `always` reads all of it while encoding, `off` reads none.",
    )
    sample_fps: float = Field(2.0, gt=0, description="Most frames a second that are encoded.")
    lease_seconds: float = Field(60.0, gt=0, description="Time after which a silent worker loses its chunk.")
    stall_seconds: float = Field(
        900.0, gt=0, description="Time without progress after which a worker that encodes ends itself, to be started again."
    )
    max_attempts: int = Field(3, gt=0, description="Attempts at one chunk before its item is quarantined.")
    sweep_seconds: float = Field(
        5.0,
        gt=0,
        description="How often lost work is looked for and dispatched again; without any work four times as long, at most 20 s.",
    )
    leftover_seconds: float = Field(
        24 * 3600.0, gt=0, description="Age at which a file that nothing refers to, left by a crash, is moved to the trash."
    )
    trash_days: float = Field(30.0, ge=0, description="Days that a file which garbage collection moved to the trash is kept.")
    sweep_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest share of the blobs, or of the shards, that one garbage collection moves to the trash without "
        "`mm doctor --collect`; 10 files are always allowed.",
    )
    search: Literal["auto", "exact", "approximate"] = Field(
        "auto", description="How the index is searched; `auto` is exact until that takes long, `approximate` may miss a hit."
    )
    refresh_seconds: float = Field(
        1.0,
        gt=0,
        description="How often the API looks whether an SQLite catalog has changed; PostgreSQL announces its changes.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe message that is logged.")

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
        """`home`, absolute, with `~` resolved."""
        return self.home.expanduser().resolve()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the API."""
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
        """SQLAlchemy URL of the catalog."""
        return self.database_url or f"sqlite:///{self.root / 'catalog.db'}"


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Raises `InvalidInput` with one sentence for every bad value.
    """
    from pydantic import ValidationError

    from mm.errors import InvalidInput

    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"MM_{'_'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in error.errors()]
        raise InvalidInput("Bad settings. " + "; ".join(lines)) from error
