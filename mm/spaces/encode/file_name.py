"""The words of a file name that a person chose, as evidence."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mm.spaces.encode.evidence import EncodedEvidence

if TYPE_CHECKING:
    from mm.spaces.space import Space

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CAMEL_CASE = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
_VOWEL = re.compile(r"[aeiouyäöüàáâèéêìíîòóôùúû]|[^\x00-ɏ]")
_MAX_LETTERS = 24  # a longer word is a code
_HASH = re.compile(r"(?=.*\d)[0-9a-f-]{16,}", re.IGNORECASE)
_CODES = """
    img dsc dscn dscf dcim pxl pano mvimg mvi vid rec gopr gopro gh gx dji cimg imag sam scn wp wa jpg jpeg png gif webp tif
    tiff bmp heic mp mkv webm avi wav flac ogg aac am pm utc
"""
_GENERIC_WORDS = """
    image images picture pictures pic pics photo photos mov movie video videos clip clips audio sound recording record voice
    memo scan scanned screenshot screenshots screen shot bildschirmfoto capture snapshot whats app whatsapp telegram signal
    facebook instagram received download downloaded untitled unnamed unknown file document doc copy kopie final new edit
    edited version temp tmp test sample export output result frame frames at opus
"""
_DROPPED, _GENERIC = frozenset(_CODES.split()), frozenset(_GENERIC_WORDS.split())


def encode_file_name(space: Space, name: str) -> EncodedEvidence | None:
    """Encode the words of a file name; None where it has none."""
    words = extract_name_words(name)
    return None if words is None else EncodedEvidence("name", 0.0, 0.0, words, space.sentences.embed([words])[0])


def extract_name_words(name: str) -> str | None:
    """Extract words: 'coffee_break-02.jpg' gives 'coffee break'.

    None for a name that a camera or a program generated, such as IMG_1234 or a hash.
    """
    stem = PurePosixPath(name.replace("\\", "/")).stem
    words = [word.lower() for word in _WORD.findall(_CAMEL_CASE.sub(" ", stem))]
    selected = [word for word in words if _is_word(word)]
    has_meaning = any(len(word) > 2 and word not in _GENERIC for word in selected)
    return " ".join(selected) if has_meaning and not _HASH.fullmatch(stem) else None


def _is_word(word: str) -> bool:
    """Whether it is two or more letters with a vowel, and no code."""
    letters = word.replace("'", "")
    return letters.isalpha() and 1 < len(letters) <= _MAX_LETTERS and bool(_VOWEL.search(word)) and word not in _DROPPED
