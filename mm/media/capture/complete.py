"""Completes metadata from one source by that from another."""

from __future__ import annotations

from dataclasses import replace

from mm.media.types import Capture


def complete(first: Capture, second: Capture) -> Capture:
    """The values of `first`, and of `second` what it lacks; a place is taken from one of them."""
    has_place = first.latitude is not None
    return replace(
        first,
        taken_at=first.taken_at or second.taken_at,
        make=first.make or second.make,
        model=first.model or second.model,
        lens=first.lens or second.lens,
        latitude=first.latitude if has_place else second.latitude,
        longitude=first.longitude if has_place else second.longitude,
        altitude=first.altitude if has_place else second.altitude,
    )
