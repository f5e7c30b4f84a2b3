"""Write the results of the demo as one HTML file that loads nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mm.cli.answers import format_citation
from mm.cli.demo.captions import PhotoCaption, describe_captions
from mm.cli.demo.queries import JudgedHit, Result
from mm.cli.demo.questions import JudgedAnswer
from mm.cli.format import format_evidence, format_score, format_span
from mm.client import Client

THUMBNAIL_PIXELS = 320
STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f6f4; --card: #fff; --ink: #1c1c1a; --soft: #6b6b66; --line: #e3e3de; --good: #1a7f45; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #161615; --card: #20201f; --ink: #ecece8; --soft: #9a9a94; --line: #343432; --good: #5fcf8d; --bad: #ff8a80 }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 66rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; margin: 0 }
header p { color: var(--soft); margin: .25rem 0 2rem }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 1rem 1.25rem 1.25rem; margin-bottom: 1rem;
}
h2 { font-size: 1.05rem; font-weight: 600; margin: 0 0 .75rem; display: flex; gap: .6rem }
.good { color: var(--good) }
.bad { color: var(--bad) }
.soft { color: var(--soft); margin: 0 0 .75rem }
ul {
  list-style: none; margin: 0; padding: 0;
  display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
}
figure { margin: 0 }
img {
  display: block; width: 100%; aspect-ratio: 16/9; object-fit: cover;
  border-radius: 8px; background: var(--line);
}
figcaption { margin-top: .5rem; font-size: .9rem; overflow-wrap: anywhere }
.query-file { width: 10rem; aspect-ratio: auto; margin-bottom: 1rem }
.true img { outline: 3px solid var(--good); outline-offset: 2px }
"""


def write_page(
    path: Path, results: list[Result], captions: Sequence[PhotoCaption], answers: Sequence[JudgedAnswer], client: Client
) -> None:
    """Write the page with thumbnails from the service."""
    num_correct = sum(result.is_correct for result in results)
    sections = "\n".join(_section(result, client) for result in results)
    document = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mm: queries and moments</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>Queries and moments</h1>
<p>{num_correct} of {len(results)} results are correct. A green frame marks a correct hit.</p>
</header>
{sections}
{_answer_section(answers)}
{_caption_section(captions, client)}
</body>
</html>
"""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document, encoding="utf-8")


def _section(result: Result, client: Client) -> str:
    mark = '<span class="good">✓</span>' if result.is_correct else '<span class="bad">✗</span>'
    speech = f'<p class="soft">recognized speech: “{escape(result.response.heard)}”</p>' if result.response.heard else ""
    hits = (
        f"<ul>{''.join(_hit(hit, client) for hit in result.hits)}</ul>" if result.hits else '<p class="soft">No likely hit.</p>'
    )
    return f"<section><h2>{mark} {escape(result.query.label())}</h2>{speech}{hits}</section>"


def _answer_section(answers: Sequence[JudgedAnswer]) -> str:
    rows = "".join(
        f"<li><b>{escape(judged.question)}</b><br>{escape(judged.answer.text)}<br>"
        f"{'<br>'.join(f'[{cited.n}] {escape(format_citation(cited))}' for cited in judged.answer.citations)}</li>"
        for judged in answers
    )
    return f"<section><h2>Questions, answered with citations</h2><ul>{rows}</ul></section>"


def _caption_section(captions: Sequence[PhotoCaption], client: Client) -> str:
    if not captions:
        return ""
    rows = "".join(
        f'<li><figure><img src="{_thumbnail(client, caption.item_id, 0.0)}" alt="">'
        f"<figcaption><b>{escape(caption.name)}</b><br>{escape(caption.text)}</figcaption></figure></li>"
        for caption in captions
        if caption.text is not None
    )
    heading = "Captions of the photos, written by the language model"
    return f'<section><h2>{heading}</h2><p class="soft">{describe_captions(captions)}</p><ul>{rows}</ul></section>'


def _hit(judged: JudgedHit, client: Client) -> str:
    hit = judged.hit
    source = _thumbnail(client, hit.item.id, hit.best_start)
    time_range = f" {format_span(hit.start, hit.end)}"
    evidence = format_evidence(hit.evidence)
    caption = f"<b>{escape(judged.medium)}</b>{time_range} · {format_score(hit.score)}<br>{escape(evidence)}"
    frame = "true" if judged.is_correct else ""
    name = escape(f"{judged.medium}{time_range}", quote=True)
    return f'<li class="{frame}"><figure><img alt="{name}" src="{source}"><figcaption>{caption}</figcaption></figure></li>'


def _thumbnail(client: Client, item_id: str, seconds: float) -> str:
    return _data_url("image/webp", client.thumbnail(item_id, time=seconds, size=THUMBNAIL_PIXELS))


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
