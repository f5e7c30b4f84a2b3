"""In: options of one bench. Out: its table, or JSON.

`mm bench`: one module per bench of `mm.bench`. Must not know: how a bench measures.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "captions": ("mm.cli.commands.bench.captions", "Caption photos, several at once compared with one at a time."),
    "crash": (
        "mm.cli.commands.bench.crash",
        "Kill processes of a service at seeded times, and check every guarantee after each.",
    ),
    "eval": (
        "mm.cli.commands.bench.evaluation",
        "Time evaluations: encoding beside ingest, similarity, hours of video, resumption after a kill.",
    ),
    "events": ("mm.cli.commands.bench.events", "Measure whether the hit for an event in a still camera is the event."),
    "flood": ("mm.cli.commands.bench.flood", "Time a client of an API while many hostile connections attack it."),
    "folder": ("mm.cli.commands.bench.folder", "Read each file of a folder as an upload is read, and list refusals and reasons."),
    "hostile": ("mm.cli.commands.bench.hostile", "Read damaged and handmade hostile files, and count the outcomes."),
    "idle": ("mm.cli.commands.bench.idle", "Measure the processes of an idle service, and the delay until a new item is found."),
    "ingest": ("mm.cli.commands.bench.ingest", "Time the ingest of a video, compared with decoding alone and a naive method."),
    "inspect": (
        "mm.cli.commands.bench.inspect",
        "Time an inspector on rendered parts, beside anomalib's PatchCore with the same backbone.",
    ),
    "intervals": (
        "mm.cli.commands.bench.intervals",
        "Time intervals of five measures by weighted groups, compared with repeated rows.",
    ),
    "language": (
        "mm.cli.commands.bench.language",
        "Measure the language model in each weight format: size, load, decoding, memory, loss.",
    ),
    "line": (
        "mm.cli.commands.bench.line",
        "Time the verdicts of a line of parts in real time, with and without dropping frames.",
    ),
    "moments": ("mm.cli.commands.bench.moments", "Ingest a long video, and measure whether search finds its scenes."),
    "photos": (
        "mm.cli.commands.bench.photos",
        "Time the ingest of 12-megapixel JPEGs, compared with decoding them at full size.",
    ),
    "pod": (
        "mm.cli.commands.bench.pod",
        "Measure the probability of detection of rendered defects by size, and the errors of their sizes.",
    ),
    "sandbox": (
        "mm.cli.commands.bench.sandbox",
        "Time files with all sandbox layers, with limits alone, and without a child process.",
    ),
    "search": (
        "mm.cli.commands.bench.search",
        "Time text queries on the running service, or the index compared with plain FAISS.",
    ),
    "serving": (
        "mm.cli.commands.bench.serving",
        "Serve many requests with the generation engine, compared with a baseline; on a GPU time its kernels, too.",
    ),
    "speech": (
        "mm.cli.commands.bench.speech",
        "Measure memory and speed of the speech recognizer over hours of speech.",
    ),
    "temporal": ("mm.cli.commands.bench.temporal", "Measure time and memory of one pass of the temporal network over a video."),
    "tower": (
        "mm.cli.commands.bench.tower",
        "Time the image tower: runtimes against eager torch; on a GPU against the roofline.",
    ),
    "voice": ("mm.cli.commands.bench.voice", "Time spoken questions to the running service, from the end of speech."),
    "watch": ("mm.cli.commands.bench.watch", "Record a simulated camera, and time when its chunks can be searched."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def command() -> None:
    """Measure the numbers of the docs on this machine."""
