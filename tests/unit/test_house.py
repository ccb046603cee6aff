"""House limits: sizes of files and functions, no machine paths, what must be in the tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FOLDERS = ("compiler", "runtime_c", "targets", "models", "tests", "docs", ".ci")
_TOP = ("pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", ".gitignore", ".editorconfig")
_MAX_LINES = {".py": 400, ".c": 300, ".h": 300, ".j2": 80}
_MAX_C_FUNCTION, _MAX_MACRO = 60, 25
_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache", "build"}
_BINARY = {".onnx", ".npz", ".npy", ".png", ".bin", ".gz", ".so", ".pyc"}
_MACHINE_PATH = re.compile(r"(?<![\w.>}-])/(?:" + "|".join(("work", "opt", "root")) + r")/[\w.]")


def _files() -> list[Path]:
    found = [_ROOT / name for name in _TOP]
    for folder in _FOLDERS:
        found += [p for p in (_ROOT / folder).rglob("*") if not _SKIPPED & set(p.parts)]
    return sorted(p for p in found if p.is_file() and p.suffix not in _BINARY)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield (first line, lines) of each outermost brace block, comments and strings blanked."""
    blank = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
    text = re.sub(r"extern\s+\"C\"\s*\{", "", text)
    text = blank.sub(lambda match: "\n" * match[0].count("\n"), text)
    depth = start = 0
    for number, line in enumerate(text.splitlines(), 1):
        for character in line:
            if character == "{":
                start = number if depth == 0 else start
                depth += 1
            elif character == "}" and depth > 0:
                depth -= 1
                if depth == 0:
                    yield start, number - start + 1


def _macro_lines(text: str) -> int:
    longest = run = 0
    for line in text.splitlines():
        run = run + 1 if line.endswith("\\") else 0
        longest = max(longest, run)
    return longest


def test_files_and_c_functions_stay_within_the_house_limits() -> None:
    too_long, total = [], 0
    for path in _files():
        limit = _MAX_LINES.get(path.suffix)
        if limit is None:
            continue
        text = path.read_text(encoding="utf-8")
        lines, name = text.count("\n"), path.relative_to(_ROOT)
        total += lines
        if lines > limit:
            too_long.append(f"{name}: {lines} lines of {limit}")
        if path.suffix in (".c", ".h"):
            too_long += [
                f"{name}:{first}: block of {length} lines of {_MAX_C_FUNCTION}"
                for first, length in _blocks(text)
                if length > _MAX_C_FUNCTION
            ]
            if _macro_lines(text) > _MAX_MACRO:
                too_long.append(f"{name}: a macro of more than {_MAX_MACRO} lines")
    print(f"total: {total:,} lines of Python, C and templates")
    assert not too_long, "\n".join(too_long)


def test_no_file_names_a_path_of_one_machine() -> None:
    found = []
    for path in _files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if _MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(_ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_nothing_lies_beside_the_package_and_it_is_typed() -> None:
    inside = {p.name for p in (_ROOT / "compiler").iterdir() if p.name not in _SKIPPED}
    assert inside == {"hysteron"}
    assert (_ROOT / "compiler/hysteron/py.typed").exists()


def test_c_files_use_spaces_and_unix_line_ends() -> None:
    bad = [
        str(path.relative_to(_ROOT))
        for path in _files()
        if path.suffix in (".c", ".h", ".j2", ".py", ".toml")
        and not path.name.startswith("Makefile")  # make itself demands tabs
        and re.search(rb"\t|\r", path.read_bytes())
    ]
    assert not bad


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("void f(void)\n{\n  g();\n}\n", [3]),
        ('extern "C" {\nint f(void) { return 1; }\n}\n', [1]),
        ("/* { */\nvoid f(void)\n{\n  s = \"}\"; c = '{';\n}\n", [3]),
    ],
)
def test_block_lengths_are_measured_outside_comments_and_strings(
    text: str, lengths: list[int]
) -> None:
    assert [length for _, length in _blocks(text)] == lengths


def test_machine_paths_are_recognised() -> None:
    slash = "/"
    assert _MACHINE_PATH.search(f"open('{slash}root{slash}x')")
    assert not _MACHINE_PATH.search("https://example.org/work/item and a/root/b")
