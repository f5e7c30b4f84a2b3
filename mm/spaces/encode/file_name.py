"""The words of a file's name, where a person chose them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_HUMP = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
_VOWEL = re.compile(r"[aeiouyäöüàáâèéêìíîòóôùúû]|[^\x00-ɏ]")
_LONGEST = 24  # letters; a longer 'word' is a code
_HASH = re.compile(r"(?=.*\d)[0-9a-f-]{16,}", re.IGNORECASE)
_CODES = """
    img dsc dscn dscf dcim pxl pano mvimg mvi vid rec gopr gopro gh gx dji cimg imag sam scn wp wa jpg jpeg png gif webp tif
    tiff bmp heic mp mkv webm avi wav flac ogg aac am pm utc
"""
_MADE_BY_PROGRAMS = """
    image images picture pictures pic pics photo photos mov movie video videos clip clips audio sound recording record voice
    memo scan scanned screenshot screenshots screen shot bildschirmfoto capture snapshot whats app whatsapp telegram signal
    facebook instagram received download downloaded untitled unnamed unknown file document doc copy kopie final new edit
    edited version temp tmp test sample export output result frame frames at opus
"""
_DROPPED, _SAYS_NOTHING = frozenset(_CODES.split()), frozenset(_MADE_BY_PROGRAMS.split())


def extract_name_words(name: str) -> str | None:
    """'coffee_break-02.jpg' -> 'coffee break'; None for what a camera or a program made up, such as
    IMG_1234 or a hash."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    words = [word.lower() for word in _WORD.findall(_HUMP.sub(" ", stem))]
    said = [word for word in words if _is_word(word)]
    telling = any(len(word) > 2 and word not in _SAYS_NOTHING for word in said)
    return " ".join(said) if telling and not _HASH.fullmatch(stem) else None


def _is_word(word: str) -> bool:
    """Letters with a vowel among them: no number, no code, no single letter."""
    letters = word.replace("'", "")
    return letters.isalpha() and 1 < len(letters) <= _LONGEST and bool(_VOWEL.search(word)) and word not in _DROPPED
