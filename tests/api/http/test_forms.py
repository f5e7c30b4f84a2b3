"""Forms in chunks of any size: every byte of a file arrives, and an invalid form is refused."""

from __future__ import annotations

import asyncio
import io
import itertools
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from api.http.forms import FieldHead, Fields, FormLimits, read_form
from api.limits.thread_pool import ThreadPool
from mm.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Message

BOUNDARY = "----a1b2"
LIMITS = FormLimits(body_bytes=1 << 20, body_setting="upload_bytes", field_bytes=1000)


def build_form(*fields: tuple[str, bytes], end: str = f"--{BOUNDARY}--\r\n") -> bytes:
    """A form of (header, content) fields."""
    body = b"".join(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in fields)
    return body + end.encode()


def file_head(name: str = "a.bin", field: str = "file") -> str:
    return f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: application/octet-stream'


def text_head(field: str) -> str:
    return f'Content-Disposition: form-data; name="{field}"'


def read(
    chunks: Sequence[bytes], content_type: str = f"multipart/form-data; boundary={BOUNDARY}", *, cut: bool = False
) -> tuple[Fields, dict[FieldHead, io.BytesIO]]:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    files: dict[FieldHead, io.BytesIO] = {}

    def open_file(head: FieldHead) -> io.BytesIO:
        return files.setdefault(head, io.BytesIO())

    request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}, receive)
    with closing(ThreadPool("forms", 1)) as threads:
        return asyncio.run(read_form(request, threads, open_file, LIMITS)), files


@given(st.binary(max_size=500), st.lists(st.integers(0, 900), max_size=20))
def test_read_form_returns_file_for_any_chunks(content: bytes, cuts: list[int]) -> None:
    body = build_form(
        (text_head("name"), b"n"), (file_head(), content), (text_head("tags"), "grün".encode()), (text_head("tags"), b"b")
    )
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    fields, files = read([body[a:b] for a, b in itertools.pairwise(edges)])
    assert fields == {"name": ["n"], "tags": ["grün", "b"]}
    assert {head: sink.getvalue() for head, sink in files.items()} == {FieldHead("file", "a.bin"): content}


def test_read_form_keeps_content_similar_to_boundary() -> None:
    content = f"\r\n--{BOUNDARY[:-1]}\r\n--".encode() * 50
    _, files = read([build_form((file_head(), content))])
    assert files[FieldHead("file", "a.bin")].getvalue() == content


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not a form at all", id="no form"),
        pytest.param(build_form((file_head(), b"x"), end=""), id="no end"),
        pytest.param(build_form((file_head(), b"x"))[:-6], id="cut in the last boundary"),
        pytest.param(build_form(("X: y", b"x")), id="no name"),
        pytest.param(build_form((text_head("name"), b"\xff\xfe")), id="no text"),
        pytest.param(build_form(*[(text_head("a"), b"")] * 1001), id="too many fields"),
    ],
)
def test_read_form_of_invalid_form_raises_invalid_input(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read([body])


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 500}"])
def test_read_form_without_valid_boundary_raises_invalid_input(content_type: str) -> None:
    with pytest.raises(InvalidInput):
        read([build_form((file_head(), b"x"))], content_type)


def test_read_form_with_long_text_fields_raises_too_large() -> None:
    with pytest.raises(TooLarge):
        read([build_form((text_head("name"), b"x" * 1001))])


def test_read_form_of_cut_connection_raises_disconnect() -> None:
    with pytest.raises(ClientDisconnect):
        read([build_form((file_head(), b"x"), end="")], cut=True)
