"""Text that is safe to print on a terminal."""

from __future__ import annotations


def clean(text: str) -> str:
    """Replace control characters by spaces and join the lines."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
