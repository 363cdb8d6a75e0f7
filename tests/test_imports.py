"""Imports go one way, only to what is declared, and cost nobody an optional extra."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "clab_runtime"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("backoff", "errors", "stream"),
    (
        "models",
        "engine.auth",
        "engine.auth_file",
        "engine.background",
        "engine.bounded",
        "engine.context",
        "engine.credentials",
        "engine.dial",
        "engine.endpoint",
        "engine.framing",
        "engine.helper",
        "engine.http1",
        "engine.lazy",
        "engine.log_options",
        "engine.pace",
        "engine.patterns",
        "engine.podman_auth",
        "engine.processes",
        "engine.reference",
        "engine.resolution",
        "engine.schema",
        "engine.ssh",
        "engine.target",
        "engine.tasks",
        "engine.tls",
        "engine.unix",
        "engine.unix_asyncio",
        "engine.version",
    ),
    ("engine.connection",),
    ("engine.duplex", "engine.pool"),
    ("engine.transport",),
    (
        "engine.raw",
        "engine.replies",
        "engine.containers",
        "engine.execs",
        "engine.images",
        "engine.libpod",
        "engine.networks",
        "engine.system",
        "engine.volumes",
    ),
    ("engine.client",),
    ("engine",),
    ("host",),
    ("streams",),
    ("runtime",),
    ("deploy",),
    ("cli",),
    ("",),
)
"""Lowest first; a module imports from its own layer and from below. A name stands for what is in it, too."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
EXTRAS = {"pyroute2", "yaml"}
IMPORT_NAMES = {"PyYAML": "yaml"}


def module_name(path: Path) -> str:
    """Return a module's name inside the package: `engine.client`, and `` for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def rank_of(module: str) -> int | None:
    """Return a module's layer: that of its longest prefix; engine's modules are each placed by name."""
    if module in RANK:
        return RANK[module]
    package = module.rpartition(".")[0]
    return None if package in {"", "engine"} else rank_of(package)


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from run_time_nodes(other)
        else:
            yield child
            yield from run_time_nodes(child)


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports at run time, each name in full."""
    for node in run_time_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports: a name that is no module stands for the one it is in."""
    found: set[str] = set()
    for name in imports(MODULES[module]):
        if name == "clab_runtime" or name.startswith("clab_runtime."):
            inner = name.removeprefix("clab_runtime").removeprefix(".")
            found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_layer_and_from_below(module: str) -> None:
    rank = rank_of(module)
    assert rank is not None, f"give {module} a place in LAYERS"
    for imported in own_imports(module):
        below = rank_of(imported)
        assert below is not None, f"give {imported} a place in LAYERS"
        assert below <= rank, f"{module} imports {imported}, which is above it"


def inside(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_engine_and_models_do_not_know_each_other() -> None:
    for module in MODULES:
        if inside(module, "engine"):
            assert not [name for name in own_imports(module) if inside(name, "models")], module
        if inside(module, "models"):
            assert all(inside(name, "models", "errors") for name in own_imports(module)), module


@pytest.mark.parametrize(("one", "other"), [("docker", "podman"), ("podman", "docker")])
def test_the_runtimes_of_docker_and_podman_do_not_know_each_other(one: str, other: str) -> None:
    for module in MODULES:
        if module.rpartition(".")[2].startswith(one):
            assert not [name for name in own_imports(module) if name.rpartition(".")[2].startswith(other)], module


def lines_of(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def test_the_runtimes_of_docker_and_podman_share_no_block_of_six_lines() -> None:
    runtimes = PACKAGE / "runtime"
    blocks = {
        kind: {
            tuple(lines[start : start + 6])
            for path in runtimes.glob(f"{kind}*.py")
            for lines in [lines_of(path)]
            for start in range(len(lines) - 5)
        }
        for kind in ("docker", "podman")
    }
    assert all(blocks.values())
    assert not blocks["docker"] & blocks["podman"]


def test_the_runtime_imports_have_no_cycle() -> None:
    edges = {module: own_imports(module) - {module} for module in MODULES}
    while edges:
        ends = {module for module, imported in edges.items() if not imported & edges.keys()}
        assert ends, f"a cycle is among {sorted(edges)}"
        edges = {module: imported for module, imported in edges.items() if module not in ends}


def declared() -> set[str]:
    """Return the top-level names of the runtime dependencies that pyproject.toml declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {dependency.split(">")[0].split("<")[0].split("=")[0].strip() for dependency in project["dependencies"]}


def test_the_dependencies_are_the_four() -> None:
    assert declared() == {"anyio", "httptools", "httpx", "msgspec"}


@pytest.mark.parametrize("module", MODULES)
def test_only_declared_dependencies_and_the_standard_library_are_imported(module: str) -> None:
    foreign = {name.partition(".")[0] for name in imports(MODULES[module])} - {"clab_runtime"}
    assert foreign <= declared() | sys.stdlib_module_names | EXTRAS
    top_level = {
        name.partition(".")[0]
        for statement in MODULES[module].body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for name in imports(ast.Module([statement], []))
    }
    assert not top_level & EXTRAS, "an extra is imported where it is used"


def test_importing_the_package_loads_no_extra_and_no_event_loop() -> None:
    program = "import sys, clab_runtime; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(result.stdout.split())
    assert "clab_runtime.runtime.base" in loaded
    assert not {"httpx", "clab_runtime.engine"} & loaded  # they come with the first runtime that is opened
    assert not loaded & {"yaml", "pyroute2", "trio", "uvloop", "docker", "aiodocker", "pytest"}
