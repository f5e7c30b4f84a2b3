"""A stand-in for a service that takes uploads by tus 1.0, over a line that breaks where the test
says."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.api.conftest import ApiServer

URL = "/v1/uploads/0123abcd"


class Tus:
    """Takes one upload. Of each piece it keeps the bytes up to the next of `keeps` and lets the
    line break; then all.

    As long as `hang` is set, a broken request is not ended.
    """

    def __init__(self, library: ApiServer, keeps: list[int]) -> None:
        self.bytes = bytearray()
        self.offsets: list[int] = []
        self.hang = True
        self._library = library
        self._keeps = list(keeps)
        self._length = 0
        self._name = ""

    def answer(self, route: Route) -> None:
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
            self._take(route)

    def _take(self, route: Route) -> None:
        request = route.request
        assert request.method == "PATCH"
        assert request.headers["content-type"] == "application/offset+octet-stream"
        offset = int(request.headers["upload-offset"])
        assert offset == len(self.bytes)
        self.offsets.append(offset)
        data = request.post_data_buffer or b""
        if self._keeps:
            self.bytes += data[: self._keeps.pop(0) - offset]
            if not self.hang:
                route.abort("connectionreset")
            return
        self.bytes += data
        assert len(self.bytes) == self._length
        upload = self._library.upload(bytes(self.bytes), self._name).json()
        route.fulfill(status=204, headers=self._headers() | {"Mm-Item": upload["item"]["id"], "Mm-Job": upload["job"]["id"]})

    def _headers(self) -> dict[str, str]:
        return {"Tus-Resumable": "1.0.0", "Upload-Offset": str(len(self.bytes)), "Upload-Length": str(self._length)}
