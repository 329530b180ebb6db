import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from workbench import Workbench


@pytest.fixture
def db() -> Workbench:
    """An empty database."""
    return Workbench()
