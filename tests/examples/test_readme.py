"""The page of the examples names each of them, and its commands name what exists."""

import re
from importlib.util import find_spec
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_every_example_is_in_a_table() -> None:
    """Each folder with an application has one row."""
    folders = {path.parent.name for path in EXAMPLES.glob("*/[!_]*") if path.parent.name[0] != "_"}
    assert sorted(folders) == sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


def test_every_command_names_what_exists() -> None:
    """Modules, applications and configurations in the commands can be found."""
    programs = re.findall(r"python -m (examples\.[\w.]+)", PAGE)
    applications = re.findall(r"uvicorn (examples\.[\w.]+):app", PAGE)
    configurations = re.findall(r"PICCOLO_CONF=(examples\.[\w.]+)", PAGE)
    assert len(programs) > 8
    assert len(applications) > 4
    for name in {*programs, *applications, *configurations}:
        assert find_spec(name), name


def test_every_program_is_offered() -> None:
    """Each example that can be started as a module is."""
    started = {path.parent.name for path in EXAMPLES.glob("*/__main__.py")}
    assert started <= set(re.findall(r"python -m examples\.(\w+)", PAGE))
