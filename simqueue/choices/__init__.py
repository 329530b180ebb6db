"""The one door for everything a run leaves open.

``door``     ``Choices``: asks a source, keeps what was picked
``sources``  where a pick comes from: the seed, a trace, or calm weather
``anchored`` a trace's picks where the same is asked again, though code has changed
``delays``   the ladder from a picked integer to a duration
"""

from simqueue.choices.anchored import Anchored
from simqueue.choices.delays import RUNGS, ladder
from simqueue.choices.door import Choices, Draws, Pick, Stream, choice_of
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
    "Anchored",
    "Calm",
    "Choices",
    "Draws",
    "Generator",
    "Named",
    "Pick",
    "Recording",
    "Seeded",
    "Source",
    "Stream",
    "choice_of",
    "ladder",
]
