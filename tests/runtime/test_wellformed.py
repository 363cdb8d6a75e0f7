"""Nodes with values of other types, and with text that nothing can be made of."""

import msgspec
import pytest

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import DNSConfig, HealthcheckConfig, NodeConfig
from clab_runtime.runtime.wellformed import wellformed

NODE = NodeConfig(short_name="r1", long_name="clab-demo-r1", image="alpine:3", cpu=2, extras={"a": {"b": None}})


def refused(**changes: object) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as raised:
        wellformed(msgspec.structs.replace(NODE, **changes))
    return raised.value


def test_a_node_comes_back_as_it_is() -> None:
    assert wellformed(NODE) == NODE


def test_a_mapping_in_a_models_place_becomes_the_model() -> None:
    node = msgspec.structs.replace(NODE, dns={"servers": ["1.1.1.1"]})
    assert wellformed(node).dns == DNSConfig(servers=["1.1.1.1"])


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
        ("healthcheck", HealthcheckConfig(interval="5"), "healthcheck"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        ("auto_remove", "no", "auto-remove"),
        ("privileged", 1, "privileged"),
        ("image_pull_policy", "sometimes", "image-pull-policy"),
        ("devices", [object()], "node"),
    ],
)
def test_a_value_of_another_type_is_refused_under_its_word(field: str, value: object, word: str) -> None:
    assert refused(**{field: value}).field == word


@pytest.mark.parametrize("given", [None, "r1", {"image": "alpine"}, 7])
def test_what_is_no_node_is_refused(given: object) -> None:
    with pytest.raises(InvalidValueError, match="node"):
        wellformed(given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("character", ["\0", "\ud800"])
@pytest.mark.parametrize(
    "field", ["image", "user", "cmd", "hostname", "binds", "env", "labels", "tmpfs", "sysctls", "dns", "aliases"]
)
def test_text_that_nothing_can_be_made_of_is_refused_without_being_shown(field: str, character: str) -> None:
    text = f"hunter2{character}"
    values: dict[str, object] = {"dns": DNSConfig(search=[text]), "binds": [text], "aliases": [text]}
    value = values.get(field, {"A": text} if field in {"env", "labels", "tmpfs", "sysctls"} else text)
    error = refused(**{field: value})
    assert (error.field, error.value) == (field, character)
    assert "hunter2" not in str(error)


def test_a_value_of_another_type_is_not_shown() -> None:
    assert "hunter2" not in str(refused(env={"PASSWORD": b"hunter2"}))
