"""The one door for everything a run leaves open.

``door``        ``Choices``: asks a source, keeps what was picked
``sources``     where a pick comes from: the seed, a trace, or calm weather
``priorities``  likewise: probabilistic concurrency testing
``survey``      likewise: writes down what every pick was one of
``delays``      the ladder from a picked integer to a duration
"""

from simqueue.choices.delays import RUNGS, ladder
from simqueue.choices.door import Choices, Draws, Stream
from simqueue.choices.sources import (
    DISASTER,
    EACH_SECOND,
    MISHAP,
    OPTIONS_OF_A_SECOND,
    Calm,
    Generator,
    Named,
    Recording,
    Seeded,
    Source,
)

__all__ = [
    "DISASTER",
    "EACH_SECOND",
    "MISHAP",
    "OPTIONS_OF_A_SECOND",
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
