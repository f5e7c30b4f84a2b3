"""A fake tus 1.0 server whose connection breaks at chosen offsets."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.api.conftest import ApiServer

URL = "/v1/uploads/0123abcd"


class FakeTus:
    """Accepts one upload and breaks the connection at each of `break_offsets`.

    The bytes before a break are stored; chunks after the last break are stored whole. While `hangs`
    is set, a broken request stays open.
    """

    def __init__(self, library: ApiServer, break_offsets: list[int]) -> None:
        self.bytes = bytearray()
        self.offsets: list[int] = []
        self.hangs = True
        self._library = library
        self._break_offsets = list(break_offsets)
        self._length = 0
        self._name = ""

    def handle(self, route: Route) -> None:
        request = route.request
        if request.method == "OPTIONS":
            route.fulfill(status=204, headers={"Tus-Version": "1.0.0", "Tus-Resumable": "1.0.0"})
            return
        assert request.headers["tus-resumable"] == "1.0.0"
        if request.method == "POST":
            self._length = int(request.headers["upload-length"])
            metadata = dict(pair.split(" ") for pair in request.headers["upload-metadata"].split(","))
            self._name = b64decode(metadata["filename"]).decode()
            route.fulfill(status=201, headers={"Location": URL, "Tus-Resumable": "1.0.0"})
        elif request.method == "HEAD":
            route.fulfill(status=200, headers=self._headers())
        else:
            self._handle_patch(route)

    def _handle_patch(self, route: Route) -> None:
        request = route.request
        assert request.method == "PATCH"
        assert request.headers["content-type"] == "application/offset+octet-stream"
        offset = int(request.headers["upload-offset"])
        assert offset == len(self.bytes)
        self.offsets.append(offset)
        data = request.post_data_buffer or b""
        if self._break_offsets:
            self.bytes += data[: self._break_offsets.pop(0) - offset]
            if not self.hangs:
                route.abort("connectionreset")
            return
        self.bytes += data
        assert len(self.bytes) == self._length
        upload = self._library.upload(bytes(self.bytes), self._name).json()
        route.fulfill(status=204, headers=self._headers() | {"Mm-Item": upload["item"]["id"], "Mm-Job": upload["job"]["id"]})

    def _headers(self) -> dict[str, str]:
        return {"Tus-Resumable": "1.0.0", "Upload-Offset": str(len(self.bytes)), "Upload-Length": str(self._length)}
