"""Multimodal analytics for video, pictures and sound.

In: media and questions. Out: moments with start, end and evidence. The library knows nothing of
web, queue or SQL.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.client import AsyncClient, Client

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> object:
    """The clients, imported when they are first used: `import mm` itself costs nothing."""
    if name in {"AsyncClient", "Client"}:
        import mm.client

        return getattr(mm.client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
