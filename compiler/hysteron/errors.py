"""Everything hysteron raises on purpose: one base class, by who can fix it.

A message says what went wrong, where, what was found, what was wanted and what
to do next. The command line prints it and exits with 2; a traceback is shown
only under ``--debug``.
"""

from __future__ import annotations


class HysteronError(Exception):
    """Base of all errors whose cause lies outside hysteron's own code.

    ``where`` names the place (file, node, section), ``got`` and ``wanted`` the
    two sides of the mismatch, ``fix`` the next step. Empty parts are left out.
    """

    kind = "error"

    def __init__(
        self, what: str, *, where: str = "", got: str = "", wanted: str = "", fix: str = ""
    ) -> None:
        self.what, self.where, self.got, self.wanted, self.fix = what, where, got, wanted, fix
        super().__init__(self.message())

    def message(self) -> str:
        """Return the whole message on one line."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        for label, part in (("got", self.got), ("wanted", self.wanted)):
            if part:
                text += f"; {label} {part}"
        return f"{text}; {self.fix}" if self.fix else text

    def as_dict(self) -> dict[str, str]:
        """Return the parts for ``--json``."""
        parts = {
            "kind": self.kind,
            "message": self.message(),
            "what": self.what,
            "where": self.where,
            "got": self.got,
            "wanted": self.wanted,
            "fix": self.fix,
        }
        return {key: value for key, value in parts.items() if value}


class ModelError(HysteronError):
    """The model file is damaged, hostile or not a model at all."""

    kind = "model"


class UnsupportedError(HysteronError):
    """The model is sound but holds something that cannot be compiled exactly.

    ``reasons`` lists every cause found, not only the first one.
    """

    kind = "unsupported"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        got: str = "",
        wanted: str = "",
        fix: str = "",
        reasons: tuple[str, ...] = (),
    ) -> None:
        self.reasons = reasons
        super().__init__(what, where=where, got=got, wanted=wanted, fix=fix)


class ShapeError(HysteronError):
    """Shapes or types do not fit together."""

    kind = "shape"


class InputError(HysteronError):
    """A command-line value, option or data file is wrong."""

    kind = "input"


class UncorrectableError(InputError):
    """A memory image holds words beyond its code, and its policy is not to use them."""


class TargetError(HysteronError):
    """A target or memory description is unknown or malformed."""

    kind = "target"


class CapacityError(HysteronError):
    """Something does not fit: memory, flash, a budget or a documented limit."""

    kind = "capacity"


class ToolchainError(HysteronError):
    """A compiler or emulator is missing or failed."""

    kind = "toolchain"


class BoardError(HysteronError):
    """A board cannot be reached, does not answer, or runs something else."""

    kind = "board"


class InternalError(HysteronError):
    """Our own bug: an invariant does not hold. Exit code 3."""

    kind = "internal"
