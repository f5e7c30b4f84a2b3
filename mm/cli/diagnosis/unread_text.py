"""What `mm doctor` says of text in pictures: how much of it was not read."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from mm.schemas import Check

if TYPE_CHECKING:
    from mm.settings import Settings

COUNT = "SELECT coalesce(sum(u.pictures), 0) FROM unread_text u, library l WHERE u.space = coalesce(l.space, u.space)"
READER = "rapidocr_onnxruntime"


def unread_text(settings: Settings) -> Check:
    """For information: pictures whose text was not read while they were encoded. Reads the catalog
    and changes nothing."""
    import sqlalchemy

    if not settings.database_url and not (settings.root / "catalog.db").exists():
        return _info("There is no library yet.", ok=True)
    try:
        engine = sqlalchemy.create_engine(settings.catalog_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            count = int(connection.execute(sqlalchemy.text(COUNT)).scalar_one())
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        return _info(f"What is left to read cannot be counted: {str(error).splitlines()[0].rstrip('.')}.", ok=False)
    if count == 0:
        return _info("No picture waits for its text to be read.", ok=True)
    return _info(f"Text in {count:,} pictures has not been read; {_next_step(settings)}.", ok=False)


def _next_step(settings: Settings) -> str:
    if settings.read_text == "off":
        return "none is read (MM_READ_TEXT=off)"
    if importlib.util.find_spec(READER) is None:
        return "none is read, because the package rapidocr-onnxruntime is not installed"
    return "a worker reads it when no job waits"


def _info(detail: str, *, ok: bool) -> Check:
    return Check(name="text", ok=ok, detail=detail, required=False)
