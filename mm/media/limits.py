"""Limits of decoding children, as the settings have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.media.types import Limits

if TYPE_CHECKING:
    from mm.settings import Settings


def read_limits(settings: Settings) -> Limits:
    """The limits of the readers of one service."""
    return Limits(
        memory_bytes=settings.sandbox_memory,
        silent_seconds=settings.sandbox_seconds,
        wall_seconds=settings.sandbox_request_seconds,
        requests=settings.sandbox_requests,
        pixels=settings.media_pixels,
        gif_pixels=settings.media_gif_pixels,
        duration=settings.media_seconds,
    )
