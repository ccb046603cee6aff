"""One model on many targets: what it costs on each, and whether the bits are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.devices import open_device
from hysteron.driver.verify import verify
from hysteron.errors import CapacityError, InputError, ToolchainError
from hysteron.ir.types import Array
from hysteron.targets import known, load_target

EXACT, WRONG, SKIPPED, TOO_LARGE = "exact", "not exact", "skipped", "does not fit"

Read = Callable[[CompiledModel], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Row:
    """One target. Numbers are None where the model did not run; ``reason`` says why."""

    target: str
    isa: str
    status: str
    reason: str = ""
    samples: int = 0
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    stack_bytes: int | None = None
    stack_bound_bytes: int | None = None
    instructions_per_inference: int | None = None
    cycles: int | None = None
    compiler: str | None = None
    emulator: str | None = None
    note: str | None = None

    @property
    def ran(self) -> bool:
        """True when the model ran on this target."""
        return self.status in (EXACT, WRONG)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def default_targets() -> tuple[str, ...]:
    """Return every instruction set with an emulator, then every part."""
    isas = [name for name in known("isa") if not load_target(name).is_host]
    return (*isas, *known("mcu"))


def compare(model: Any, options: Options, targets: Sequence[str], read: Read) -> Iterator[Row]:
    """Yield a row per target, in order.

    ``read`` returns the samples of a compiled model, keyed by input. Raises
    TargetError and InputError for names before anything runs, and what
    ``compile_model`` raises for a model that no target can take.
    """
    for name in targets:
        if load_target(name).is_host:
            raise InputError("the host is not compared: nothing is counted there", got=name)
    for name in targets:
        yield _row(model, replace(options, target=name), read)


def _row(model: Any, options: Options, read: Read) -> Row:
    compiled = compile_model(model, options)
    row = Row(compiled.target.name, compiled.target.isa.name, SKIPPED)
    samples = read(compiled)
    try:
        with open_device(compiled) as device:
            result = verify(compiled, samples, None, device)
            counts = device.counts()
    except ToolchainError as error:
        return replace(row, reason=error.message())
    except CapacityError as error:
        reason = error.message().removeprefix(f"{row.target}: ")
        return replace(row, status=TOO_LARGE, reason=reason)
    exact = result.bit_exact and result.passes_exact
    return replace(
        row,
        status=EXACT if exact else WRONG,
        reason="; ".join(result.problems[:3]),
        samples=result.samples,
        **{name: counts[name] for name in row.__slots__ if name in counts},
    )
