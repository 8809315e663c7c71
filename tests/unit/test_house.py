"""Rules of the house that no tool keeps: faces, heads, sizes, documentation, pins, pages.

import-linter keeps the borders between rooms (pyproject.toml); pages and app.py are scripts, which
it cannot read: theirs are kept here.
"""

import ast
import importlib
import pkgutil
import re
import subprocess
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lib
from lib.servers import SETTINGS
from tests.support.processes import ROOT

ROOMS = sorted(room.name for room in pkgutil.iter_modules(lib.__path__))
MODULES = sorted(path for path in (ROOT / "lib").rglob("*.py"))
SCRIPTS = sorted([*ROOT.glob("app.py"), *(ROOT / "pages").rglob("*.py")])
DRAWING = sorted(
    path for path in (ROOT / "lib" / "ui").rglob("*.*") if path.suffix in {".py", ".js"}
)
HELPERS = sorted((ROOT / "tests" / "support").rglob("*.py"))
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
LONGEST = {"lib": 400, "pages": 200, "app.py": 80}
MACHINE = re.compile(r"(?<![\w.$}>*-])/(root|home|Users|work)/\w|[.]{2}/shared/|[.]library\b")
"""Folders of one person's machine: what names them works there only."""


def _short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    return [
        path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()
    ]


def _named_in_all(module: ast.Module) -> list[str] | None:
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return ast.literal_eval(node.value)
    return None


def _imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_lists_above_are_not_empty():
    assert len(ROOMS) >= 7
    assert len(MODULES) > 40
    assert SCRIPTS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_names_its_face(room):
    face = importlib.import_module(f"lib.{room}")
    assert face.__all__ == sorted(face.__all__, key=_as_linted)
    for name in face.__all__:
        there = hasattr(face, name) or find_spec(f"lib.{room}.{name}")
        assert there, f"lib.{room}.__all__ names {name}, which is not there"


def _as_linted(name: str) -> tuple[int, str]:
    """The order that the linter keeps: CONSTANTS, Classes, functions."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS, *HELPERS], ids=_short)
def test_a_module_says_what_it_decides(path):
    module = ast.parse(path.read_text())
    assert len(ast.get_docstring(module) or "") > 20
    names = _named_in_all(module)
    if names is not None:
        defined = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
        defined |= {getattr(node, "name", "") for node in ast.walk(module)}
        defined |= {alias.asname or alias.name for alias in _aliases(module)}
        assert set(names) <= defined


def _aliases(module: ast.Module) -> list[ast.alias]:
    froms = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom | ast.Import)]
    return [alias for node in froms for alias in node.names]


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=_short)
def test_a_module_is_short_enough_to_be_read_at_once(path):
    kind = path.relative_to(ROOT).parts[0]
    assert len(path.read_text().splitlines()) <= LONGEST[kind]


@pytest.mark.parametrize("path", SCRIPTS, ids=_short)
def test_a_page_knows_rooms_by_their_faces_and_no_other_page(path):
    for name in _imports(path):
        room = name.split(".")
        assert room[0] not in {"httpx", "requests", "urllib", "socket", "pages", "app"}, name
        if room[0] == "lib":
            # app.py puts the dashboard together from the parts of the drawing room.
            ours = path.name == "app.py" and room[1:2] == ["ui"]
            assert ours or len(room) == 2, f"{_short(path)} reaches into {name}"


@pytest.mark.parametrize("path", [*SCRIPTS, *DRAWING], ids=_short)
def test_what_draws_knows_no_name_of_a_metric_on_the_wire(path):
    assert "vllm:" not in path.read_text()


def test_every_setting_is_in_the_readme():
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert set(rows) == {setting.name for setting in SETTINGS}
    for setting in SETTINGS:
        if setting.default:
            assert f"`{setting.default}`" in rows[setting.name]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_pinned_to_one_version(name):
    for requirement in _requirements(name):
        pins = list(requirement.specifier)
        assert len(pins) == 1, requirement
        assert pins[0].operator == "==", requirement
        assert "*" not in pins[0].version, requirement


def test_what_comes_along_is_pinned_too():
    """Everything that the requirements need, on this machine, is itself on the lists."""
    for name in REQUIREMENTS:
        listed = _requirements(name) + (_requirements("requirements.txt") if "dev" in name else [])
        pinned = {canonicalize_name(one.name) for one in listed}
        for requirement in listed:
            for needed in _needs(requirement):
                assert needed in pinned, f"{requirement.name} needs {needed}, not in {name}"


def _requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def _needs(requirement: Requirement) -> set[str]:
    """What an installed package asks for here, with the extras that were asked for."""
    asked = (Requirement(text) for text in metadata.requires(requirement.name) or ())
    extras = ["", *requirement.extras]
    return {
        canonicalize_name(one.name)
        for one in asked
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
    }


def test_no_file_names_a_folder_of_one_machine():
    for path in _tracked():
        try:
            text = path.read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # no text, or one of a test beside this one that is gone again
        found = MACHINE.search(text)
        assert found is None, f"{_short(path)}: {text[found.start() : found.start() + 40]!r}"
