"""Tables that can be copied, one for each kind of annotation; a test reads each."""

from __future__ import annotations

EXAMPLES = {
    "captions": (
        "captions.csv",
        """file,caption,language,group,split
images/harbour.jpg,"A fishing boat, seen from the quay, leaves the harbour.",en,harbour,dev
images/harbour.jpg,A boat sails out of a small port.,en,harbour,dev
images/market.jpg,Two women buy apples at a market.,en,market,dev
videos/training.mp4,A man explains how to change a filter.,en,training,train
""",
    ),
    "labels": (
        "labels.csv",
        """file,label,group,split
sounds/bark_1.wav,dog,recording 12,dev
sounds/bark_2.wav,dog,recording 12,dev
sounds/rain.wav,rain|wind,recording 31,dev
""",
    ),
    "moments": (
        "moments.jsonl",
        """{"file": "shift.mp4", "duration": 95.0, "moments": [{"start": 3.5, "end": 12, "caption": "A pallet is unloaded."}]}
{"file": "yard.mp4", "moments": [{"start": 0, "end": 4.2, "label": "reversing"}, {"start": 30, "end": 61, "label": "loading"}]}
""",
    ),
    "masks": (
        "annotations.csv",
        """file,label,mask,group,split
parts/0001.png,good,,part 1,train
parts/0002.png,good,,part 2,dev
parts/0003.png,scratch,masks/0003.png,part 3,dev
""",
    ),
}
"""Name of the file and its contents by kind."""
