"""Makes the helper modules importable in any pytest import mode."""

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
for _folder in ("e2e", "unit/codegen", "kernels"):
    sys.path.insert(0, str(_TESTS / _folder))
