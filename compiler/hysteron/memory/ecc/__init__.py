"""Error-correcting codes of weight memories: encode, decode, residual error rates.

All codes are systematic: data bits stay where they are and check bits are stored apart
(docs/ecc.md). BCH codes are analysed, not implemented.
"""

from hysteron.errors import InputError
from hysteron.memory.ecc.bch import Bch
from hysteron.memory.ecc.code import Code, Decoded, Policy, Rates, Status
from hysteron.memory.ecc.repetition import Repetition
from hysteron.memory.ecc.residual import exact, residual, simulate
from hysteron.memory.ecc.secded import Secded

__all__ = [
    "Bch",
    "Code",
    "Decoded",
    "Policy",
    "Rates",
    "Repetition",
    "Secded",
    "Status",
    "code_names",
    "exact",
    "load_code",
    "residual",
    "simulate",
]

_CODES: dict[str, Code] = {
    code.name: code for code in (Secded(4), Secded(32), Secded(64), Repetition(2), Repetition(3))
}


def code_names() -> list[str]:
    """Return the names that ``load_code`` knows."""
    return list(_CODES)


def load_code(name: str) -> Code:
    """Return a code by name. Raises InputError that lists the names."""
    if name not in _CODES:
        raise InputError("unknown error-correcting code", got=name, wanted=", ".join(_CODES))
    return _CODES[name]
