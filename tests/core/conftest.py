import sys
from pathlib import Path

# What several tests of this folder share: `bench` (tables and answers) and `oracle` (the language in plain Python).
sys.path.insert(0, str(Path(__file__).parent))
