"""The one door for everything a run leaves open.

``door``        ``Choices``: asks a source, keeps what was picked
``sources``     where a pick comes from: the seed, a trace, or calm weather
``anchored``    likewise: a trace's picks where the same is asked again, though code has changed
``continued``   likewise: a trace's picks up to a moment, and another source's from there on
``priorities``  likewise: probabilistic concurrency testing
``survey``      likewise: writes down what every pick was one of
"""

from simqueue.choices.anchored import Anchored
from simqueue.choices.continued import Continued
from simqueue.choices.door import Choices, Draws, Pick, Stream, choice_of
from simqueue.choices.sources import (
    OPTIONS_OF_A_SECOND,
    Calm,
    Generator,
    Named,
    Recording,
    Seeded,
    Source,
)

__all__ = [
    "OPTIONS_OF_A_SECOND",
    "Anchored",
    "Calm",
    "Choices",
    "Continued",
    "Draws",
    "Generator",
    "Named",
    "Pick",
    "Recording",
    "Seeded",
    "Source",
    "Stream",
    "choice_of",
]
