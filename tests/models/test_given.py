"""Nodes with values of other types, and with text that nothing can be made of."""

import msgspec
import pytest

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import DNSConfig, HealthcheckConfig, NodeConfig, PullPolicy

NODE = NodeConfig(short_name="r1", long_name="clab-demo-r1", image="alpine:3", cpu=2, extras={"a": {"b": None}})


def refused(**changes: object) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as raised:
        msgspec.structs.replace(NODE, **changes)
    return raised.value


def test_the_word_for_a_choice_is_as_good_as_the_choice() -> None:
    node = msgspec.structs.replace(NODE, image_pull_policy="always")
    assert node.image_pull_policy is PullPolicy.ALWAYS


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("cpu", "2", "cpu"),
        ("cpu", True, "cpu"),
        ("image", None, "image"),
        ("image", b"alpine", "image"),
        ("env", {"A": 1}, "env"),
        ("labels", {1: "a"}, "labels"),
        ("memory", 512, "memory"),
        ("binds", [1], "binds"),
        ("port_bindings", {"80": "8080"}, "portbindings"),
        ("port_set", {"80": None}, "portset"),
        ("tmpfs", {"/run": None}, "tmpfs"),
        ("dns", "1.1.1.1", "dns"),
        ("healthcheck", {"interval": 5}, "healthcheck"),
        ("auto_remove", "no", "auto-remove"),
        ("privileged", 1, "privileged"),
        ("image_pull_policy", "sometimes", "image-pull-policy"),
        ("devices", [object()], "devices"),
    ],
)
def test_a_value_of_another_type_is_refused_under_its_word(field: str, value: object, word: str) -> None:
    assert refused(**{field: value}).field == word


@pytest.mark.parametrize("character", ["\0", "\ud800"])
@pytest.mark.parametrize(
    "field", ["image", "user", "cmd", "hostname", "binds", "env", "labels", "tmpfs", "sysctls", "aliases"]
)
def test_text_that_nothing_can_be_made_of_is_refused_without_being_shown(field: str, character: str) -> None:
    text = f"hunter2{character}"
    values: dict[str, object] = {"binds": [text], "aliases": [text]}
    mapped = field in {"env", "labels", "tmpfs", "sysctls"}
    error = refused(**{field: values.get(field, {"A": text} if mapped else text)})
    assert (error.field, error.value) == (field, "A" if mapped else character)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"env": {"PASSWORD": b"hunter2"}},
        {"env": ["PASSWORD=hunter2"]},
        {"env": "PASSWORD=hunter2"},
        {"cmd": ["login", "hunter2"]},
        {"exec": [["login", "hunter2"]]},
    ],
)
def test_a_value_of_another_type_is_not_shown(changes: dict[str, object]) -> None:
    assert "hunter2" not in str(refused(**changes))


def test_a_model_inside_a_node_says_its_own_word() -> None:
    with pytest.raises(InvalidValueError, match="interval: '5' is not valid; give a whole number"):
        HealthcheckConfig(interval="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidValueError, match=r"search: .* without NUL"):
        DNSConfig(search=["a\0"])
