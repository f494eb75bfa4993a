"""The floor plan in ARCHITECTURE.md is the floor plan of the code."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "audit_nb"
ROW = re.compile(r"^\| `(?P<module>\w+)/?` \| [^|]+ \|(?P<imports>[^|]*)\|$", re.MULTILINE)


def floor_plan() -> dict[str, set[str]]:
    """Each module of the plan with the modules it may import; "all" stands for every other one."""
    rows = ROW.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## 2.")[0])
    names = {module for module, _ in rows}
    return {
        module: names - {module} if imports.strip() == "all" else set(filter(None, imports.replace(",", " ").split()))
        for module, imports in rows
    }


def room(path: Path) -> str:
    """The module or package directly under audit_nb that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Every module of ours that a file imports, at its top or inside a function."""
    rooms = set()
    depth = len(path.relative_to(PACKAGE).parts) - 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            rooms |= {name.name.split(".")[1] for name in node.names if name.name.startswith("audit_nb.")}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level > depth:
                module = f"audit_nb.{module}".rstrip(".")
            elif node.level:
                continue
            if module == "audit_nb":
                rooms |= {name.name for name in node.names if name.name != "__version__"}
            elif module.startswith("audit_nb."):
                rooms.add(module.split(".")[1])
    return rooms - {room(path)}


def code_rooms() -> dict[str, set[str]]:
    """Each module of the code with the modules it imports."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if room(path) not in {"__init__", "__main__"}:
            found.setdefault(room(path), set()).update(imported_rooms(path))
    return found


def test_every_module_stands_in_the_plan_and_every_planned_module_stands():
    assert set(code_rooms()) == set(floor_plan())


def test_a_module_imports_only_what_stands_under_it():
    plan = floor_plan()
    too_high = {name: sorted(imports - plan.get(name, set())) for name, imports in code_rooms().items()}
    assert {name: imports for name, imports in too_high.items() if imports} == {}


def test_the_plan_has_no_cycle():
    plan = floor_plan()
    standing: set[str] = set()
    while len(standing) < len(plan):
        ready = {name for name, imports in plan.items() if name not in standing and imports <= standing}
        assert ready, f"these import each other: {sorted(set(plan) - standing)}"
        standing |= ready


def test_only_ssh_knows_paramiko():
    users = {
        room(path)
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(import|from) paramiko", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert users == {"ssh"}
