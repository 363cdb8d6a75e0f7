"""The public names: complete, sorted, documented and typed."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from types import ModuleType
from typing import Any, cast, get_type_hints

import pytest

import clab_runtime
from clab_runtime import engine
from clab_runtime.engine import EngineClient, client

MODULES = {"clab_runtime": clab_runtime, "clab_runtime.engine": engine}
EVERY = [(module, name) for module in MODULES for name in MODULES[module].__all__]
CLASSES = [(module, name) for module, name in EVERY if inspect.isclass(getattr(MODULES[module], name))]

_INHERITED = (Exception, str, tuple, object)


def own_functions(owner: type) -> Iterator[tuple[str, Callable[..., object]]]:
    """Find the public functions, methods and properties that a class of ours defines."""
    for name, member in vars(owner).items():
        if name.startswith("_") and name != "__init__":
            continue
        plain = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(plain) and (plain.__module__ or "").startswith("clab_runtime"):
            yield name, plain


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_the_list_of_names_is_sorted_and_has_no_name_twice(module: ModuleType) -> None:
    def as_ruff_sorts(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert list(module.__all__) == sorted(set(module.__all__), key=as_ruff_sorts)


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_the_list_has_every_name_that_the_package_imports_for_its_users(module: ModuleType) -> None:
    submodules = {name for name in vars(module) if isinstance(getattr(module, name), ModuleType)}
    names = {name for name in vars(module) if not name.startswith("_")} - submodules
    assert names | (submodules & set(module.__all__)) == set(module.__all__)


@pytest.mark.parametrize(("module", "name"), EVERY)
def test_every_name_is_documented(module: str, name: str) -> None:
    item = getattr(MODULES[module], name)
    if inspect.isclass(item) or inspect.isfunction(item) or inspect.ismodule(item):
        assert item.__doc__
    else:  # a constant or an alias: its words stand below it, where the source is
        folders = [files("clab_runtime") / folder for folder in ("models", "runtime")]
        source = "\n".join(path.read_text() for folder in folders for path in folder.iterdir() if path.is_file())
        assert re.search(rf'^{name}\b.*= .+\n"""[A-Z]', source, re.MULTILINE)


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_every_public_method_is_documented(module: str, name: str) -> None:
    owner = getattr(MODULES[module], name)
    for method, function in own_functions(owner):
        if method != "__init__":
            assert inspect.getdoc(getattr(owner, method)), f"{name}.{method}"
        del function


@pytest.mark.parametrize(("module", "name"), EVERY)
def test_every_public_function_and_method_says_its_types_and_none_is_any(module: str, name: str) -> None:
    item = getattr(MODULES[module], name)
    functions = dict(own_functions(item)) if inspect.isclass(item) else {name: item} if inspect.isfunction(item) else {}
    for called, function in functions.items():
        function = inspect.unwrap(function)  # noqa: PLW2901
        names = _all_names(function)
        hints = get_type_hints(function, globalns=names)
        wanted = set(inspect.signature(function).parameters) - {"self", "cls", "_"}
        assert wanted <= hints.keys(), f"{called}: {wanted - hints.keys()} without a type"
        assert "return" in hints, f"{called} does not say what it returns"
        assert not any(hint is Any for hint in hints.values()), called


def _all_names(function: Callable[..., object]) -> dict[str, object]:
    """Return what a function's annotations may name, with what is imported for type checkers alone."""
    return {
        **vars(client),
        **vars(clab_runtime),
        **vars(engine),
        **cast("dict[str, object]", getattr(function, "__globals__", {})),
    }


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_every_field_says_its_type(module: str, name: str) -> None:
    owner = getattr(MODULES[module], name)
    assert Any not in get_type_hints(owner).values()


def test_type_checkers_are_told_that_the_package_has_types() -> None:
    assert (files("clab_runtime") / "py.typed").is_file()


def test_the_example_at_the_top_runs_in_an_async_function() -> None:
    body = "\n".join(line for line in (clab_runtime.__doc__ or "").splitlines() if line.startswith("    "))
    compile(f"async def main():\n{body}\n", "example", "exec")


def test_importing_the_package_loads_no_engine_and_no_third_event_loop() -> None:
    names = ("trio", "uvloop", "clab_runtime.runtime.docker")
    code = f"import sys, clab_runtime; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_runtimes_clients_and_streams_can_be_made_before_there_is_an_event_loop() -> None:
    client = EngineClient("unix:///nowhere")
    assert "0 busy" in repr(client)
    assert repr(client.images.pull("busybox", "latest"))
    assert "not initialised" in repr(clab_runtime.new_runtime("docker"))
