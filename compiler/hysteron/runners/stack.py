"""Upper bounds of the stack, proven on the linked file.

Every path through every function is walked once with the depth of the stack as
a number (an abstract interpretation; the depth must be the same wherever paths
meet and zero at a return), then the deepest chain of calls is taken. Frames come
from the instructions themselves, so compiler and library functions are treated
alike. Recursion, indirect jumps without a table in the file, a stack pointer from
an unknown value and unknown instructions give no bound, never a guess. What is
taken on trust: a called function preserves the registers that the calling
convention says, a table starts where the code says, and a word that a function put on
its own stack is still there when it reads it. Interrupts come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hysteron.runners.stack_arm import Thumb
from hysteron.runners.stack_avr import Avr
from hysteron.runners.stack_riscv import Riscv
from hysteron.runners.stack_state import Code, State, Step, Unbounded, merge

#: More instructions than any program of ours has: a walk that does not end is refused.
_MOST_STEPS: Final = 2_000_000


class Decoder(Protocol):
    """One instruction set."""

    pushed: int

    def entry(self) -> State:
        """Return the state at the first instruction of a function."""

    def step(self, at: int, state: State) -> Step:
        """Return what an instruction may do. Raises Unbounded."""


@dataclass(frozen=True, slots=True)
class StackBound:
    """The most stack below the caller of a function, the return address included.

    ``chain`` names the functions of the deepest chain of calls with their bytes;
    ``callback`` says that a function of the user's is called in addition, at most
    ``callback_depth`` bytes deep. Without a bound ``nbytes`` is None and ``reason`` says why.
    """

    nbytes: int | None
    chain: tuple[tuple[str, int], ...] = ()
    callback: bool = False
    callback_depth: int = 0
    reason: str = ""


@dataclass(slots=True)
class _Function:
    """A walked function: its own deepest point, its calls with the depth there."""

    own: tuple[int, int]
    calls: dict[tuple[int, int], int]
    callbacks: list[int]


_DECODERS: Final[dict[str, Callable[[Code], Decoder]]] = {
    "EM_ARM": Thumb,
    "EM_RISCV": Riscv,
    "EM_AVR": Avr,
}


class StackWalk:
    """The functions of one linked file, walked when asked for.

    ``visited`` holds, for each walked address, the depths seen there.
    """

    def __init__(self, path: Path) -> None:
        self._code = Code(path)
        self._decoder: Decoder = _DECODERS[self._code.machine](self._code)
        self._functions: dict[int, _Function] = {}
        self._bounds: dict[int, StackBound] = {}
        self._open: list[int] = []
        self.visited: dict[int, set[int]] = {}

    def bound(self, name: str) -> StackBound:
        """Return the bound of a function of the file, or why there is none."""
        if (entry := self._code.entries.get(name)) is None:
            return StackBound(None, reason=f"no function '{name}' in the linked file")
        try:
            return self._bound(entry)
        except Unbounded as error:
            self._open.clear()
            return StackBound(None, reason=str(error))

    def frames(self) -> dict[str, int]:
        """Return the own deepest point of every walked function, by name."""
        return {self._code.name(at): one.own[0] for at, one in self._functions.items()}

    def _bound(self, entry: int) -> StackBound:
        if entry in self._bounds:
            return self._bounds[entry]
        if entry in self._open:
            loop = [*self._open[self._open.index(entry) :], entry]
            raise Unbounded("recursion: " + " calls ".join(self._code.name(at) for at in loop))
        self._open.append(entry)
        function = self._function(entry)
        deepest = StackBound(function.own[0], self._link(function.own, entry))
        found = [StackBound(None, (), True, depth) for depth in function.callbacks]
        for (site, target), depth in function.calls.items():
            called = self._bound(target)
            assert called.nbytes is not None
            if called.callback:
                found.append(StackBound(None, (), True, depth + called.callback_depth))
            if depth + called.nbytes > (deepest.nbytes or 0):
                chain = (*self._link((depth, site), entry), *called.chain)
                deepest = StackBound(depth + called.nbytes, chain)
        self._open.pop()
        if found:
            most = max(one.callback_depth for one in found)
            deepest = StackBound(deepest.nbytes, deepest.chain, True, most)
        self._bounds[entry] = deepest
        return deepest

    def _link(self, place: tuple[int, int], entry: int) -> tuple[tuple[str, int], ...]:
        """Return the chain's part of one function; what it jumped to is named, too."""
        depth, at = place
        names = dict.fromkeys((self._code.name(entry), self._code.name(at)))
        return ((" > ".join(names), depth),)

    def _function(self, entry: int) -> _Function:
        if entry not in self._functions:
            self._functions[entry] = self._walk(entry)
        return self._functions[entry]

    def _walk(self, entry: int) -> _Function:
        """Walk all paths from an entry until nothing new is learned."""
        states: dict[tuple[int, tuple[object, ...]], State] = {}
        steps: dict[tuple[int, tuple[object, ...]], tuple[State, Step]] = {}
        work = [(entry, self._decoder.entry())]
        for _ in range(_MOST_STEPS):
            if not work:
                break
            at, state = work.pop()
            try:
                key = (at, state.mode)
                known = merge(self._code, states.get(key), state)
                if states.get(key) == known:
                    continue
                states[key] = known
                step = self._decoder.step(at, known)
            except Unbounded as error:
                place = f"{self._code.name(at)} at {at:#x}"
                raise Unbounded(f"{place}: {error}") from error
            steps[key] = (known, step)
            work.extend(step.next)
        else:
            raise Unbounded(f"{self._code.name(entry)}: the walk does not end")
        return self._collect(steps)

    def _collect(
        self, steps: dict[tuple[int, tuple[object, ...]], tuple[State, Step]]
    ) -> _Function:
        own, calls, callbacks = (self._decoder.pushed, 0), {}, []
        for (at, _), (state, step) in steps.items():
            self.visited.setdefault(at, set()).add(state.depth)
            depth = state.depth + self._decoder.pushed
            own = max(own, (depth, at), key=lambda place: place[0])
            for _, after in step.next:
                own = max(own, (after.depth + self._decoder.pushed, at), key=lambda p: p[0])
            if step.call is not None:
                calls[at, step.call] = depth
            if step.callback:
                callbacks.append(depth)
        return _Function(own, calls, callbacks)


def stack_bounds(path: Path, names: Sequence[str]) -> dict[str, StackBound]:
    """Return the bound of each function of a linked file."""
    walk = StackWalk(path)
    return {name: walk.bound(name) for name in names}
