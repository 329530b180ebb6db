import sys
from pathlib import Path

# Modules here, and the applications beside them, are found by their names.
sys.path.insert(0, str(Path(__file__).parent))
