"""A program on unicorn: functions called one by one from outside, layers seen by breakpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hysteron.errors import InternalError
from hysteron.runners.elf import read_symbols
from hysteron.runners.inference import LAYER, Inference, Watch
from hysteron.runners.unicorn_runner import EmulatedMcu, Return
from hysteron.targets import MemoryMap, Target


class UnicornPart:
    """The program ``name`` in a linked file, initialised; see ``EmulatedMcu`` for errors."""

    def __init__(
        self,
        elf: Path,
        target: Target,
        name: str,
        sizes: Sequence[int],
        memory: MemoryMap | None = None,
    ) -> None:
        self._name = name
        self._mcu = EmulatedMcu(elf, target.isa, memory=memory or target.memory)
        self.version = self._mcu.version
        self._ctx, _ = self._mcu.symbol("hyst_mcu_ctx")
        self._output_bytes = sizes[2]
        self._in, self._out = self._mcu.alloc(sizes[1]), self._mcu.alloc(sizes[2])
        self._events: list[Return] = []
        self._seen: list[tuple[bytes, ...]] = []
        self._watch: Watch = ()
        for symbol in read_symbols(elf):
            if LAYER.fullmatch(symbol.removeprefix(name)):
                self._mcu.on_return(symbol, self._returned)
        status = self._mcu.call(f"{name}_init", self._ctx, 0)
        if status != 0:
            raise InternalError(f"the generated init returned {status}", where=name)

    def infer(self, samples: Sequence[bytes], watch: Watch) -> list[Inference]:
        """Run samples; see ``Runner``."""
        self._watch = watch
        return [self._one(sample) for sample in samples]

    def _returned(self, event: Return) -> None:
        index = len(self._events)
        self._events.append(event)
        if index < len(self._watch):
            places = self._watch[index]
            self._seen.append(tuple(self._mcu.read(self._ctx + at, n) for at, n in places))

    def _one(self, sample: bytes) -> Inference:
        self._events.clear()
        self._seen.clear()
        self._mcu.write(self._in, sample)
        status = self._mcu.call(f"{self._name}_run", self._ctx, self._in, self._out)
        return Inference(
            status=status,
            output=self._mcu.read(self._out, self._output_bytes),
            instructions=self._mcu.instructions,
            stack_bytes=self._mcu.peak_stack,
            counts={},
            layers=tuple(self._seen),
            layer_instructions=tuple(event.instructions for event in self._events),
        )
