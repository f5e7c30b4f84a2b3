"""Loading of the towers of a space in the background, so that the service responds at once; queries
wait for them.

The speech tower is loaded by a query with audio, for this query only: such queries are rare, and
the tower takes a third of the memory of the process.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from mm.errors import MMError, Unavailable
from mm.runtimes.memory import release_memory
from mm.schemas import Check

if TYPE_CHECKING:
    from mm.spaces import Space


class TowerLoader:
    """Loads the text and image towers once, in a thread."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="towers")
        self._loaded: Future[None] = self._pool.submit(self._load)

    def __enter__(self) -> TowerLoader:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def wait(self) -> None:
        """Wait until the towers are loaded. Raises `Unavailable` if one cannot be loaded."""
        try:
            self._loaded.result()
        except (MMError, OSError) as error:
            raise Unavailable(f"The space {self._space.id} cannot be loaded: {error}") from error

    async def wait_async(self) -> None:
        """`wait` on an event loop, without a thread."""
        loading = asyncio.wrap_future(self._loaded)
        await asyncio.wait({loading})
        if not loading.cancelled():
            loading.exception()  # retrieved here; `wait` raises it
        self.wait()

    @property
    def failure(self) -> str | None:
        """Why they cannot be loaded; None if they are loaded or being loaded."""
        if self._loaded.done():
            try:
                self.wait()
            except Unavailable as error:
                return str(error)
        return None

    def check(self) -> Check:
        """Report whether they are loaded, without waiting."""
        name = "space"
        if not self._loaded.done():
            return Check(name=name, ok=False, detail=f"The space {self._space.id} is being loaded; searches wait for it.")
        if self.failure is not None:
            return Check(name=name, ok=False, detail=f"{self.failure} Searches fail.")
        return Check(name=name, ok=True, detail=f"The space {self._space.id} is loaded.")

    def _load(self) -> None:
        # Each property loads its tower on first use; the first time in a library it builds the
        # graph in a child process. Two are built in parallel.
        with ThreadPoolExecutor(1, thread_name_prefix="image-tower") as pool:
            image = pool.submit(lambda: self._space.image)
            _ = (self._space.calibration, self._space.bank, self._space.text, self._space.sentences)
            image.result()
        release_memory()
