"""What the contracts in pyproject.toml cannot say. That an ``__all__`` is sorted and true is ruff's to check."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dvc_magic"
WITHOUT_DOOR = ("model",)  # nouns are imported from their modules
EXAMPLES = [PACKAGE / "samples" / name for name in ("guild", "iris")]  # scripts: data, as far as the package goes
HEAVY = ("IPython", "dulwich", "dvc", "hydra", "ipywidgets", "matplotlib", "pandas")
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
    if not page.relative_to(ROOT).parts[0].startswith(".") and page.relative_to(ROOT).parts[0] != "demo"
)


def test_a_package_imports_from_another_only_what_its_door_names() -> None:
    around = [
        f"{module.relative_to(ROOT)} imports {name}"
        for module in sorted(PACKAGE.rglob("*.py"))
        for name in _imported(module)
        if _goes_around_a_door(module, name)
    ]

    assert around == []


def _imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _goes_around_a_door(module: Path, name: str) -> bool:
    root, *below = name.split(".")
    if root != "dvc_magic" or not below or below[0] in (*WITHOUT_DOOR, module.relative_to(PACKAGE).parts[0]):
        return False
    package = PACKAGE
    while below and (package / below[0]).is_dir():  # a package within a package has a door of its own
        package /= below.pop(0)
    return package != PACKAGE and (len(below) != 1 or below[0] not in _door(package / "__init__.py"))


@pytest.mark.parametrize("init", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda path: path.parent.name)
def test_a_package_names_its_door(init: Path) -> None:
    names = _door(init)

    assert bool(names) is (init.parent.name not in WITHOUT_DOOR)


def test_the_root_names_its_door() -> None:
    assert _door(PACKAGE / "__init__.py")


def _door(init: Path) -> list[str]:
    if not init.is_file():
        return []
    for statement in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def test_one_module_alone_starts_git() -> None:
    starting = {
        module.relative_to(PACKAGE).as_posix()
        for module in PACKAGE.rglob("*.py")
        if any(_is_git(node) for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    }

    assert starting == {"workspace/git_command.py"}


def _is_git(node: ast.AST) -> bool:
    """Whether this is a command of git: a list or tuple that begins with its name, or a text for a shell."""
    if isinstance(node, ast.List | ast.Tuple) and node.elts:
        node = node.elts[0]
        return isinstance(node, ast.Constant) and node.value == "git"
    if isinstance(node, ast.Call):
        texts = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
        program = ast.unparse(node.func).rpartition(".")[2]
        starts = program in {"run", "Popen", "call", "check_call", "check_output", "system", "popen", "which"}
        return starts and any(str(text).split()[:1] == ["git"] for text in texts)
    return False


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {module.parent for module in PACKAGE.rglob("*.py") if not set(EXAMPLES) & set(module.parents)}

    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert _heavy_after("import dvc_magic") == []


def test_using_every_public_name_imports_neither_dvc_nor_what_shows() -> None:
    heavy = _heavy_after("import dvc_magic\nfor name in dvc_magic.__all__: getattr(dvc_magic, name)")

    assert set(heavy) <= {"hydra"}


def test_loading_the_extension_imports_nothing_that_only_some_calls_need() -> None:
    late = ("psutil", "ruamel", "tomllib", "tomlkit", "yaml")

    assert _heavy_after("import dvc_magic.notebook", late) == []


def _heavy_after(code: str, heavy: Sequence[str] = HEAVY) -> list[str]:
    script = f"import json, sys\n{code}\nprint(json.dumps([name for name in {heavy} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    broken = [target for target in _links(page) if not _resolves(page, target)]

    assert broken == []


def _links(page: Path) -> Iterator[str]:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", target):
            yield target


def _resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or anchor in _anchors(file))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
