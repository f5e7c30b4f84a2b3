"""Check of images and videos whose captions are not written yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.cli.diagnosis.results import first_line, optional
from mm.errors import Corrupt
from mm.schemas import Check

if TYPE_CHECKING:
    from mm.settings import Settings

COUNT = "SELECT count(*) FROM uncaptioned u, library l WHERE u.space = coalesce(l.space, u.space)"


def check_captions(settings: Settings) -> Check:
    """Count the items whose captions are not written, and say whether a worker will write them."""
    import sqlalchemy

    from mm.generation.caption_model import find_caption_model

    if settings.captions == "off":
        return _info("MM_CAPTIONS=off disables captions.", ok=True)
    try:
        model = find_caption_model(settings)
    except Corrupt as error:
        return _info(str(error), ok=False)
    if model is None:
        return _info("No captioner: the trained weights of the language model are not installed.", ok=True)
    if not settings.database_url and not (settings.root / "catalog.db").exists():
        return _info("There is no library yet.", ok=True)
    try:
        engine = sqlalchemy.create_engine(settings.catalog_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            count = int(connection.execute(sqlalchemy.text(COUNT)).scalar_one())
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        return _info(f"Items without captions cannot be counted: {first_line(error)}.", ok=False)
    if count == 0:
        return _info("All images and videos have captions.", ok=True)
    return _info(f"The captions of {count:,} items are not written yet; a worker writes them when no job is waiting.", ok=False)


def _info(detail: str, *, ok: bool) -> Check:
    return optional("captions", detail, ok=ok)
