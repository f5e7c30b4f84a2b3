"""Text that is safe to print on a terminal."""

from __future__ import annotations


def clean(text: str) -> str:
    """One line without control characters: names come from anywhere, and a terminal obeys what it
    is sent."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
