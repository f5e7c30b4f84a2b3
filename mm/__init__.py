"""Multimodal analytics for video, images and audio.

In: media and queries. Out: moments with start, end and evidence. Must not know: web, queue, SQL.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.client import AsyncClient, Client

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> object:
    """Import the clients at their first use, so that `import mm` is fast."""
    if name in {"AsyncClient", "Client"}:
        import mm.client

        return getattr(mm.client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
