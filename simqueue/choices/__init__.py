"""The one door for everything a run leaves open.

``door``     ``Choices``: asks a source, keeps what was picked
``sources``  where a pick comes from: the seed, a trace, or calm weather
"""

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
    "Calm",
    "Choices",
    "Draws",
    "Generator",
    "Named",
    "Recording",
    "Seeded",
    "Source",
    "Stream",
]
