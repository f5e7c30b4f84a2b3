"""Files of rendered parts, and the command `mm inspect` in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image

from mm.cli.main import main
from mm.media.types import RGB
from tests.inspection.parts import add_scratch, render_part

NUM_GOOD = 20


def inspect(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def save(path: Path, image: RGB) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def write_parts(folder: Path) -> None:
    """Good parts in `good`, and a good and a scratched one in `new`."""
    for number in range(NUM_GOOD):
        save(folder / "good" / f"part-{number:02}.png", render_part(number))
    save(folder / "new" / "fine.png", render_part(50))
    save(folder / "new" / "scratch.png", add_scratch(render_part(51), 48, 36))
