"""Choices: every decision that a run leaves open is made through this package.

``door``        ``Choices``: asks a source and records what it picked
``sources``     the protocol of sources; random choices, those of a trace, and calm
``anchored``    the choices of a trace by each worker's progress, for code that has changed
``continued``   the choices of a trace up to a moment, then those of another source
``priorities``  probabilistic concurrency testing
``survey``      records the number of options of every pick
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
