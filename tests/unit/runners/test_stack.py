"""Stack bounds from the linked file: proven, tight, and refused where nothing can be proven."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hysteron.runners import EmulatedMcu, build_elf
from hysteron.runners.stack import StackWalk
from hysteron.runners.toolchain import probe
from hysteron.targets import known, load_isa

_SOURCE = Path(__file__).with_name("stacks.c")
_ENTRIES = (
    "leaf two_ways chain tail table recursive even variable_frame callback quotient huge_frame"
).split()
_COMPILERS = [
    pytest.param((isa, compiler.family), marks=pytest.mark.isa(f"{isa}:{compiler.family}"))
    for isa in known("isa")
    for compiler in load_isa(isa).compilers
    if load_isa(isa).emulators
]


@pytest.fixture(scope="module", params=_COMPILERS)
def linked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    name, family = request.param
    out = tmp_path_factory.mktemp("stack") / "stacks.elf"
    build_elf([_SOURCE], [], load_isa(name), out, _ENTRIES, family=family)
    return name, out


def test_frames_add_up_along_the_deepest_chain(linked: tuple[str, Path]) -> None:
    name, path = linked
    walk = StackWalk(path)
    bounds = {one: walk.bound(one) for one in _ENTRIES}
    push = {"avr5": 2, "avr6": 3}.get(name, 0)
    assert bounds["leaf"].nbytes == push
    huge = bounds["huge_frame"].nbytes
    assert huge is not None and 1300 + push <= huge <= 1300 + 64
    for caller in ("chain", "two_ways", "tail", "table"):
        found = bounds[caller]
        assert found.nbytes is not None, found.reason
        assert huge <= found.nbytes <= huge + 100
        assert sum(size for _, size in found.chain) == found.nbytes
        # A jump at the end belongs to its function; its last name is where the depth is reached.
        assert "huge_frame" in found.chain[-1][0] or caller in found.chain[-1][0]
    assert bounds["quotient"].nbytes is not None, bounds["quotient"].reason


def test_recursion_is_refused_and_names_the_circle(linked: tuple[str, Path]) -> None:
    walk = StackWalk(linked[1])
    assert walk.bound("recursive").nbytes is None
    assert walk.bound("recursive").reason == "recursion: recursive calls recursive"
    reason = walk.bound("even").reason
    assert walk.bound("even").nbytes is None and "recursion: " in reason
    assert "even" in reason or "odd" in reason


def test_a_frame_of_variable_size_is_refused(linked: tuple[str, Path]) -> None:
    bound = StackWalk(linked[1]).bound("variable_frame")
    assert bound.nbytes is None
    assert bound.reason.startswith("variable_frame at 0x")
    assert "stack pointer becomes an unknown value" in bound.reason


def test_a_callback_is_told_apart_from_the_function_itself(linked: tuple[str, Path]) -> None:
    bound = StackWalk(linked[1]).bound("callback")
    assert bound.callback and bound.nbytes is not None
    assert 64 <= bound.callback_depth == bound.nbytes <= 128
    assert not StackWalk(linked[1]).bound("chain").callback


def test_a_function_that_is_not_there_has_no_bound(linked: tuple[str, Path]) -> None:
    bound = StackWalk(linked[1]).bound("absent")
    assert bound.nbytes is None and "no function 'absent'" in bound.reason


def test_the_deepest_path_that_is_executed_reaches_the_bound(linked: tuple[str, Path]) -> None:
    isa = load_isa(linked[0])
    if "unicorn" not in {one.kind for one in isa.emulators}:
        pytest.skip("paint and stepping need unicorn")
    unicorn = pytest.importorskip("unicorn")
    walk, mcu = StackWalk(linked[1]), EmulatedMcu(linked[1], isa)
    lowest: list[int] = []
    mcu._uc.hook_add(
        unicorn.UC_HOOK_CODE, lambda core, *_: lowest.append(core.reg_read(mcu._machine.sp))
    )
    for name, argument in (("two_ways", 5), ("chain", 1), ("tail", 1)):
        lowest.clear()
        mcu.call(name, argument)
        bound = walk.bound(name).nbytes
        assert bound is not None and max(lowest) - min(lowest) == bound
        assert mcu.peak_stack <= bound


@pytest.mark.parametrize(
    "isa",
    [p.values[0][0] for p in _COMPILERS if p.values[0][1] == "gcc"],  # type: ignore[index]
)
def test_frames_are_those_that_gcc_reports(isa: str, tmp_path: Path) -> None:
    """A second opinion: -fstack-usage, which knows each function's own frame only."""
    try:
        tools = probe(load_isa(isa), "gcc")
    except Exception as error:
        pytest.skip(str(error))
    command = [*tools.command, *tools.flags, "-fstack-usage", "-c", str(_SOURCE)]
    subprocess.run(command, cwd=tmp_path, check=True)
    rows = [line.split("\t") for line in (tmp_path / "stacks.su").read_text().splitlines()]
    said = {place.rpartition(":")[2]: int(size) for place, size, kind in rows if kind == "static"}
    build_elf([_SOURCE], [], load_isa(isa), tmp_path / "x.elf", _ENTRIES, family="gcc")
    walk = StackWalk(tmp_path / "x.elf")
    for name in _ENTRIES:
        walk.bound(name)
    frames = walk.frames()
    # A jump to another function at the end counts with the walk, but not with GCC.
    own = {name: size for name, size in said.items() if name not in ("tail", "table", "two_ways")}
    shared = own.keys() & frames.keys()
    assert len(shared) >= 7
    assert {name: frames[name] for name in shared} == {name: own[name] for name in shared}


def _assembled(isa: str, body: str, folder: Path) -> StackWalk:
    """Return the walk of hand-written functions, the first named f; "function NAME" starts one."""
    lines = [".syntax unified", ".text"]
    for line in (line.strip() for line in body.splitlines()):
        word, _, name = line.partition(" ")
        starts = [f".global {name}", f".type {name}, %function", ".thumb_func", f"{name}:"]
        lines += starts if word == "function" else [line]
    source = folder / "f.c"
    quoted = "\n".join(f'"{line}\\n"' for line in lines)
    source.write_text(f"__asm__({quoted});\n")
    build_elf([source], [], load_isa(isa), folder / "f.elf", ["f"], family="zig")
    return StackWalk(folder / "f.elf")


@pytest.mark.isa("cortex-m0:zig")
def test_the_depth_at_each_call_counts_and_not_only_the_deepest_callee(tmp_path: Path) -> None:
    body = """
        function f
        push {r4-r7,lr}
        bl deep
        sub sp, #64
        bl shallow
        add sp, #64
        pop {r4-r7,pc}
        function deep
        sub sp, #40
        add sp, #40
        bx lr
        function shallow
        push {r4,lr}
        pop {r4,pc}
    """
    bound = _assembled("cortex-m0", body, tmp_path).bound("f")
    assert bound.nbytes == 20 + 64 + 8, bound.reason
    assert bound.chain == (("f", 84), ("shallow", 8))


@pytest.mark.isa("cortex-m4:zig")
def test_an_it_block_that_ends_the_function_is_two_paths(tmp_path: Path) -> None:
    body = """
        function f
        push {r4,lr}
        sub sp, #8
        cmp r0, #0
        itt eq
        addeq sp, #8
        popeq {r4,pc}
        sub.w sp, sp, #1024
        add.w sp, sp, #1024
        add sp, #8
        pop {r4,pc}
    """
    assert _assembled("cortex-m4", body, tmp_path).bound("f").nbytes == 8 + 8 + 1024


_REFUSED = {
    "sub sp, #8\n bx lr": "returns with 8 bytes on the stack",
    "msr msp, r0\n bx lr": "an instruction it does not know",
    "mov sp, r0\n bx lr": "the stack pointer becomes an unknown value",
    "ldr r1, [r0]\n mov pc, r1": "an indirect jump",
    "add sp, #8\n bx lr": "releases stack that the function does not own",
    "cmp r0, #0\n beq 1f\n push {r4}\n 1: bx lr": "two paths meet with",
    "mov r3, lr\n bl g\n bx lr\n function g\n bx lr": "an indirect jump",
    "svc #0\n bx lr": "a system call",
}


@pytest.mark.isa("cortex-m3:zig")
@pytest.mark.parametrize(("body", "reason"), _REFUSED.items(), ids=_REFUSED.values())
def test_what_cannot_be_proven_is_refused(body: str, reason: str, tmp_path: Path) -> None:
    bound = _assembled("cortex-m3", f"function f\n{body}", tmp_path).bound("f")
    assert bound.nbytes is None and bound.reason.startswith("f at 0x")
    assert reason in bound.reason
