"""The one door for everything a run leaves open.

``door``     ``Choices``: asks a source, keeps what was picked
``sources``  where a pick comes from: the seed, a trace, or calm weather
``delays``   the ladder from a picked integer to a duration
"""

from simqueue.choices.delays import RUNGS, ladder
from simqueue.choices.door import Choices, Draws, Stream
from simqueue.choices.sources import (
    DISASTER,
    MISHAP,
    Calm,
    Generator,
    Named,
    Recording,
    Seeded,
    Source,
)

__all__ = [
    "DISASTER",
    "MISHAP",
    "RUNGS",
    "Calm",
    "Choices",
    "Draws",
    "Generator",
    "Named",
    "Recording",
    "Seeded",
    "Source",
    "Stream",
    "ladder",
]
