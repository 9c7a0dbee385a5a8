import subprocess
import sys
from pathlib import Path

import pytest

from gongbi.core.functions import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_function_has_a_page_and_no_page_is_stale() -> None:
    script = ROOT / "scripts" / "make_function_docs.py"
    if not script.exists():
        pytest.skip("The scripts are not part of this distribution.")
    run = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    pages = list((ROOT / "docs" / "reference" / "functions").glob("*.md"))
    assert len(pages) == len(CATALOGUE) + 1
