"""Opens the source, the inspector and the sinks of a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput

if TYPE_CHECKING:
    from mm.line.sinks.sink import Sink
    from mm.line.sources.source import Source
    from mm.media import MediaReader
    from mm.schemas.lines import LineSinks
    from mm.settings import Settings

MAX_FPS = 30.0
CAMERA_SCHEMES = ("rtsp://", "rtsps://")


def open_source(
    source: str,
    reader: MediaReader,
    settings: Settings,
    pattern: str = "",
    images_per_part: int = 0,
    *,
    once: bool = False,
    pace: bool = False,
    fps: float = MAX_FPS,
) -> Source:
    """The source at an address of a camera, or at the path of a folder or a video file.

    Of a camera or a video at most `fps` frames a second are read.

    Raises `InvalidInput`, `NotFound`, and as the reader.
    """
    if source.startswith(CAMERA_SCHEMES):
        from mm.line.sources.rtsp.camera import RtspCamera
        from mm.media.live import LiveDecoder

        return RtspCamera(source, lambda codec, name: LiveDecoder.from_settings(codec, name, settings), fps=fps)
    path = Path(source)
    if path.is_dir():
        from mm.line.sources.folder import Folder

        return Folder(path, reader, follow=not once, pattern=pattern, images_per_part=images_per_part)
    from mm.line.sources.video_file import VideoFile

    return VideoFile(path, reader, fps, pace=pace)


def open_csv(path: Path) -> Sink:
    """A CSV file. Raises `InvalidInput` for a file of another kind."""
    from mm.line.sinks.csv_file import CsvSink

    return CsvSink(path)


def open_webhook(url: str, secret: str) -> Sink:
    """A webhook. Raises `InvalidInput` for its address or secret."""
    from mm.line.sinks.webhook import WebhookSink
    from mm.webhooks.signing import parse_secret

    if not secret:
        raise InvalidInput("A webhook needs a secret that signs the verdicts.")
    return WebhookSink(url, parse_secret(secret))


def open_mqtt(url: str) -> Sink:
    """A topic of an MQTT broker. Raises `InvalidInput`."""
    from mm.line.sinks.mqtt import MqttSink

    return MqttSink(url)


def open_opcua(url: str, node: str) -> Sink:
    """Variables of an OPC UA server. Raises `InvalidInput`, `Unavailable` without its package."""
    from mm.line.sinks.opcua import OpcuaSink

    return OpcuaSink(url, node)


def open_sinks(sinks: LineSinks, csv: Path) -> dict[str, Sink]:
    """The sinks of a line of the service by kind, its CSV file included; raises as above."""
    opened: dict[str, Sink] = {"csv": open_csv(csv)}
    if sinks.webhook is not None:
        opened["webhook"] = open_webhook(sinks.webhook.url, sinks.webhook.secret)
    if sinks.mqtt is not None:
        opened["mqtt"] = open_mqtt(sinks.mqtt)
    if sinks.opcua is not None:
        opened["opcua"] = open_opcua(sinks.opcua.url, sinks.opcua.node)
    return opened
