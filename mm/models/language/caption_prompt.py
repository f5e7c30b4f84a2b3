"""Requests about an image, worded as in training.

An image stands before the text of the user's turn, after the default system message. Training and
generation build their prompts here, so that they are equal.
"""

from __future__ import annotations

from mm.models.language.chat_template import Message

CAPTION_REQUEST = "Describe the image in one sentence."
"""Asks for a caption."""


def image_messages(text: str) -> list[Message]:
    """A conversation with one image and a question or request about it."""
    return [Message("user", text, num_media=1)]


def caption_messages() -> list[Message]:
    """A conversation that asks for the caption of one image."""
    return image_messages(CAPTION_REQUEST)
