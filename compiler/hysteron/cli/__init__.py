"""The command line: arguments in, one object or tables out, documented exit codes."""

from __future__ import annotations

import sys
from typing import Any

import typer

from hysteron.cli import (
    chip_cmd,
    compare_cmd,
    compile_cmd,
    demo_cmd,
    emulate_cmd,
    inspect_cmd,
    memories_cmd,
    run_cmd,
    targets_cmd,
    verify_cmd,
)
from hysteron.cli.common import app, fail, wants_json
from hysteron.errors import HysteronError, InputError, InternalError

__all__ = [
    "chip_cmd",
    "compare_cmd",
    "compile_cmd",
    "demo_cmd",
    "emulate_cmd",
    "inspect_cmd",
    "main",
    "memories_cmd",
    "run_cmd",
    "targets_cmd",
    "verify_cmd",
]

# typer carries its own click: its base of usage errors has no public name.
UsageProblem: Any = typer.BadParameter.__mro__[2]


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 check failed, 2 input, 3 our bug."""
    arguments = sys.argv[1:] if argv is None else argv
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    as_json, debug = wants_json(arguments), "--debug" in arguments
    try:
        rest = [a for a in arguments if a != "--debug"]
        return int(typer.main.get_command(app)(args=rest, standalone_mode=False) or 0)
    except typer.Exit as done:
        return int(done.exit_code)
    except UsageProblem as error:
        return fail(InputError(error.format_message(), fix="see --help"), as_json, 2)
    except HysteronError as error:
        if debug:
            raise
        return fail(error, as_json, 3 if isinstance(error, InternalError) else 2)
    except (KeyboardInterrupt, typer.Abort):
        return fail(InputError("interrupted"), as_json, 2)
    except BrokenPipeError:
        return 2
    except Exception as error:
        if debug:
            raise
        what = f"{type(error).__name__}: {error}"
        fix = "this is a bug in hysteron: please report it with the output of --debug"
        return fail(InternalError(what[:500], fix=fix), as_json, 3)
