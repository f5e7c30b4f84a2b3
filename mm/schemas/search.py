"""Search requests, and the hits that respond to them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, NaiveDatetime

from mm.schemas.base import Model
from mm.schemas.inspections import InspectionFilter, InspectionMatch
from mm.schemas.media import Item, Kind

Band = Literal["likely", "possible", "weak"]
"""How sure a hit is, by calibrated thresholds."""
Match = Literal["exact", "near", "meaning"]
"""How the words of evidence match those of a query: all are there, all are there in another form or
with a typing error, or by meaning only."""
HitExportFormat = Literal["csv", "json", "html"]
"""Of exported hits; `html` is a contact sheet, one file with its images."""
EvidenceKind = Literal["picture", "speech", "sound", "written", "word", "name", "caption"]


class Evidence(Model):
    """One piece of evidence for a hit."""

    kind: EvidenceKind
    score: float = Field(ge=0, le=1, description="Calibrated probability that this evidence alone matches the query.")
    cosine: float = Field(description="Cosine similarity of query and evidence, before calibration.")
    start: float
    end: float
    text: str | None = Field(
        None, description="The recognized speech or text, the name of the sound, the file name, or the caption."
    )
    match: Match | None = Field(
        None,
        description="Whether its words are those of the query: `exact`, `near` (another form, a typing error) or `meaning`.",
    )
    language: str | None = Field(None, description="Of speech: code of the language in which it was recognized; null if unknown.")


class Moment(Model):
    """The time range of an item that matches a query; start and end are equal for an image."""

    item: Item
    start: float
    end: float
    best_start: float = Field(
        description="Start of the best-scoring segment, where a player should seek; score and evidence are those of this segment."
    )
    best_end: float
    scene_start: float | None = Field(
        None, description="Start of the scene that contains the best-scoring segment; null without scenes."
    )
    scene_end: float | None = None
    score: float = Field(ge=0, le=1, description="Calibrated probability of a match, from all evidence together.")
    evidence: list[Evidence] = Field(description="Strongest first.")
    match: Match | None = Field(
        None, description="The best `match` of its evidence; null if no words match or for other queries."
    )
    caption: str | None = Field(
        None, description="Sentence of the language model about the best-scoring segment; null if none is written yet."
    )
    thumbnail: str = Field(description="Path of a thumbnail, relative to the address of the service; audio shows a waveform.")
    media: str = Field(description="Path of the stored file, relative to the address of the service.")


class Hit(Moment):
    """One search result, and its near-duplicates in other items."""

    band: Band = Field(
        description="`likely`, `possible` or `weak`, by calibrated thresholds. Likely hits come first, weak ones last."
    )
    confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Probability that the hit is right, given the other hits and the library; null for queries that are not one "
        "text, and in spaces without this calibration.",
    )
    duplicates: int = Field(0, ge=0, description="Number of near-duplicates that were merged into this hit.")
    alike: list[Moment] = Field(default=[], description="Those near-duplicates, best first.")
    inspection: InspectionMatch | None = Field(None, description="The verdict that matches `filters.inspection`.")


class Filters(Model):
    """Restricts a search to some items. Exact, and applied before the best `k` are selected."""

    kinds: list[Kind] = Field(default=[], description="Any of these kinds; empty means all.")
    items: list[str] = Field(default=[], description="Any of these item ids, which must exist; empty means all.")
    tags: list[str] = Field(default=[], description="All of these tags.")
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None
    taken_after: NaiveDatetime | None = Field(
        None, description="Taken at or after this time, on the clock at the place and therefore without an offset."
    )
    taken_before: NaiveDatetime | None = Field(None, description="Taken before this time.")
    camera: str | None = Field(None, max_length=100, description="Substring of make and model of the camera, in any case.")
    has_place: bool | None = Field(None, description="Whether the place where it was taken is known; unset means either.")
    place: str | None = Field(
        None,
        max_length=200,
        description="Words of the name of the place where it was taken, in any case, such as `paris` or `Paris, France`.",
    )
    language: str | None = Field(
        None, max_length=8, description="Code of a language that is spoken in the item, such as `de`; see `languages` of an item."
    )
    favourite: bool | None = Field(None, description="Whether it is a favourite; unset means either.")
    album: str | None = Field(
        None,
        max_length=64,
        description="Id of an album: only its items, and of an entry with a time range only hits that overlap it.",
    )
    inspection: InspectionFilter | None = Field(
        None, description="Only what a result of an inspection matches. Without a query, hits are sorted by p-value."
    )


class Like(Model):
    """A position in the library as a query: its image, or, if it has none, its audio."""

    item: str = Field(description="The item's id.")
    time: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds from its start.")


class Weights(Model):
    """Weight of the evidence of each query component, from 0 (ignored) to 4."""

    text: float = Field(1.0, ge=0, le=4, description="Of `text`, and of each entry of `also`.")
    picture: float = Field(1.0, ge=0, le=4)
    sound: float = Field(1.0, ge=0, le=4)
    clip: float = Field(1.0, ge=0, le=4)
    like: float = Field(1.0, ge=0, le=4)
    without: float = Field(1.0, ge=0, le=4)


class SearchRequest(Model):
    """A query. Images, audio and clips are sent as multipart form data with the same fields."""

    text: str | None = None
    also: list[str] = Field([], max_length=8, description="Further texts; a hit must match each of them as well.")
    without: list[str] = Field(
        [], max_length=8, description="Texts that describe what must be neither visible nor spoken; `text` is then not parsed."
    )
    parse: bool = Field(
        True,
        description="Whether `text` is parsed for what it excludes, `dog not in water` is searched as `dog` without `water`, "
        "for a place at which items were taken, and for typing errors in words that the library has.",
    )
    weights: Weights = Weights()
    like: Like | None = Field(None, description="A position in the library to search with; it is left out of the results.")
    k: int = Field(10, description="Maximum number of hits, likely and possible together.")
    filters: Filters = Filters()
    floor: float | None = Field(
        None, ge=0, le=1, description="Score threshold of a hit; unset uses the threshold of the space for possible hits."
    )
    fold: bool = Field(True, description="Whether near-duplicates in other items are merged into one hit.")


class SearchResponse(Model):
    """The hits, best first; empty when nothing in the library matches."""

    hits: list[Hit]
    space: str = Field(description="Name and version of the space, as in `lite@1`.")
    floor: float = Field(description="Score threshold of the hits in this response.")
    likely_floor: float = Field(
        description="Score from which a hit is `likely`: the calibrated threshold of the space. Images that one text finds "
        "are `likely` by their `confidence` instead."
    )
    text: str | None = Field(None, description="The text that was searched; null without one, and where it only excludes.")
    without: list[str] = Field(default=[], description="What was excluded: `without` of the request, or what its text excludes.")
    place: str | None = Field(
        None,
        description="The place that the text names, if the hits are restricted to it; not `filters.place` of the request.",
    )
    corrections: dict[str, str] = Field(
        default={},
        description="Typing errors in the text of the request: each word, and the word of the library that was searched instead.",
    )
    heard: str | None = Field(None, description="Speech recognized in the audio or the clip of the query.")
    understood: InspectionFilter | None = Field(
        None, description="The filter of results that the words were read as, such as `parts with a scratch longer than 0.3 mm`."
    )
    notes: list[str] = Field(default=[], description="What the search could not take into account.")
    seconds: float
