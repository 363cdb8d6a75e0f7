"""NodeConfig and what it holds, in containerlab's words."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import (
    DNSConfig,
    GenericPortBinding,
    HealthcheckConfig,
    NodeConfig,
    PortBinding,
    PullPolicy,
)

SPEC = """
shortname longname hostname fqdn labdir index group kind type image image-pull-policy sysctls user entrypoint cmd exec
env binds volumes devices cap-add privileged cgroupns-mode cgroup-parent pidmode tmpfs security-opts shm-size
portbindings port-bindings portset networkmode mgmt-net mgmt-intf mgmt-ipv4-address mgmt-ipv4-prefix-length
mgmt-ipv6-address mgmt-ipv6-prefix-length mgmt-ipv4-gateway mgmt-ipv6-gateway mac-address containerid healthcheck
aliases extra-hosts labels runtime cpu cpuset memory dns auto-remove restart-policy startup-delay stages extras
"""
WORDS = SPEC.split()

FULL = NodeConfig(
    short_name="r1",
    long_name="clab-demo-r1",
    hostname="router1",
    fqdn="r1.demo.io",
    lab_dir="/labs/clab-demo/r1",
    index=3,
    group="spine",
    kind="linux",
    type="big",
    image="alpine:3",
    image_pull_policy=PullPolicy.ALWAYS,
    sysctls={"net.ipv4.ip_forward": "1"},
    user="0:0",
    entrypoint="/bin/sh -c",
    cmd="sleep 60",
    exec=["ip addr"],
    env={"A": "1"},
    binds=["/a:/b:ro"],
    volumes=["data:/data"],
    devices=["/dev/net/tun"],
    cap_add=["NET_ADMIN"],
    privileged=False,
    cgroupns_mode="private",
    cgroup_parent="/lab",
    pid_mode="host",
    tmpfs={"/run": "size=64m"},
    security_opts=["seccomp=unconfined"],
    shm_size="512mb",
    port_bindings={"80/tcp": [PortBinding("127.0.0.1", "8080")]},
    resulting_port_bindings=[GenericPortBinding(host_ip="::", host_port=8080, container_port=80, protocol="tcp")],
    port_set={"80/tcp": {}},
    network_mode="container:r2",
    mgmt_net="clab",
    mgmt_intf="eth0",
    mgmt_ipv4_address="172.20.20.2",
    mgmt_ipv4_prefix_length=24,
    mgmt_ipv6_address="3fff:172:20:20::2",
    mgmt_ipv6_prefix_length=64,
    mgmt_ipv4_gateway="172.20.20.1",
    mgmt_ipv6_gateway="3fff:172:20:20::1",
    mac_address="02:00:00:00:00:01",
    container_id="0123456789ab",
    healthcheck=HealthcheckConfig(test=["CMD", "true"], interval=5, timeout=2, retries=3, start_period=10),
    aliases=["r1.lab"],
    extra_hosts=["r2:172.20.20.3"],
    labels={"containerlab": "demo"},
    runtime="podman",
    cpu=1.5,
    cpuset="0-3",
    memory="1GiB",
    dns=DNSConfig(servers=["9.9.9.9"], search=["lab"], options=["ndots:2"]),
    auto_remove=True,
    restart_policy="no",
    startup_delay=4,
    stages={"create": {"wait-for": [{"node": "r2", "stage": "healthy"}]}},
    extras={"srl-agents": ["a.yml"]},
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
words_of_go = st.sampled_from(
    ["", "a", "über", "1.10", "no", "null", "~", "0644", "a: b", "- x", "#", "2024-01-01", "é\n"]
)


def test_every_field_is_written_in_containerlabs_word() -> None:
    assert sorted(json.loads(FULL.to_json())) == sorted(WORDS)
    assert sorted(f.encode_name for f in msgspec.structs.fields(NodeConfig)) == sorted(WORDS)


def test_plain_msgspec_writes_the_same_words() -> None:
    assert msgspec.json.encode(FULL) == FULL.to_json()


def test_a_full_node_survives_json_and_yaml() -> None:
    assert NodeConfig.from_json(FULL.to_json()) == FULL
    assert NodeConfig.from_yaml(FULL.to_yaml()) == FULL
    assert NodeConfig.from_containerlab(json.loads(FULL.to_json())) == FULL


def test_nested_values_have_containerlabs_words() -> None:
    written = json.loads(FULL.to_json())
    assert set(written["healthcheck"]) == {"test", "interval", "timeout", "retries", "start-period"}
    assert set(written["dns"]) == {"servers", "search", "options"}
    assert written["port-bindings"] == [{"host_ip": "::", "host_port": 8080, "port": 80, "protocol": "tcp"}]
    assert written["portbindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}


def test_what_has_its_default_value_is_not_written() -> None:
    assert NodeConfig().to_json() == b"{}"
    assert NodeConfig(binds=[], labels={}).to_json() == b"{}"


def test_a_null_is_read_as_the_default_for_every_word() -> None:
    assert NodeConfig.from_json(json.dumps(dict.fromkeys(WORDS))) == NodeConfig()


def test_a_null_inside_a_value_is_read_as_go_reads_it() -> None:
    read = NodeConfig.from_containerlab(
        {"labels": {"a": None}, "dns": {"servers": None}, "portbindings": {"80/tcp": None}, "portset": {"80/tcp": None}}
    )
    assert read == NodeConfig(labels={"a": ""}, dns=DNSConfig(), port_bindings={"80/tcp": ()}, port_set={"80/tcp": {}})


def test_gos_own_spelling_of_untagged_fields_is_read() -> None:
    read = NodeConfig.from_json(
        '{"shortname":"r1","Healthcheck":{"Test":["CMD","x"],"Interval":1,"StartPeriod":7},"dns":{"Servers":["1.1.1.1"]},'
        '"Certificate":null,"IsRootNamespaceBased":false,"Components":null}'
    )
    assert read == NodeConfig(
        short_name="r1",
        healthcheck=HealthcheckConfig(test=["CMD", "x"], interval=1, start_period=7),
        dns=DNSConfig(servers=["1.1.1.1"]),
    )


def test_both_kinds_of_port_bindings_are_kept_apart() -> None:
    read = NodeConfig.from_json('{"portbindings":{"1/tcp":[{"HostPort":"2"}]},"port-bindings":[{"port":3}]}')
    assert read.port_bindings == {"1/tcp": (PortBinding(host_port="2"),)}
    assert read.resulting_port_bindings == (GenericPortBinding(container_port=3),)


def test_unknown_words_are_ignored() -> None:
    assert NodeConfig.from_json('{"license":"x","kernel":["?"],"image":"a"}') == NodeConfig(image="a")


def test_a_value_of_the_wrong_type_names_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"Expected `int`, got `array` - at `\$.index`"):
        NodeConfig.from_json('{"index":[]}')


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected `object`"):
        NodeConfig.from_json(text)


def test_yaml_text_is_taken_as_it_is_written() -> None:
    read = NodeConfig.from_yaml(
        "env: {VERSION: 1.10, MODE: 0644, DEBUG: no, DAY: 2024-01-01, EMPTY: , QUOTED: 'null'}\n"
        "sysctls: {net.ipv4.ip_forward: 1}\nlabels: ~\nindex: 2\ncpu: 0.5\nauto-remove: true\n"
    )
    assert read == NodeConfig(
        env={"VERSION": "1.10", "MODE": "0644", "DEBUG": "no", "DAY": "2024-01-01", "EMPTY": "", "QUOTED": "null"},
        sysctls={"net.ipv4.ip_forward": "1"},
        index=2,
        cpu=0.5,
        auto_remove=True,
    )


def test_yaml_merge_keys_are_followed() -> None:
    read = NodeConfig.from_yaml("x-base: &base {image: a, kind: linux}\n<<: *base\nimage: b\n")
    assert (read.image, read.kind) == ("b", "linux")


def test_broken_yaml_is_a_decode_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        NodeConfig.from_yaml("a: [")


def test_yaml_makes_no_python_objects() -> None:
    with pytest.raises(msgspec.DecodeError):
        NodeConfig.from_yaml("image: !!python/object/apply:os.getcwd []")


def test_without_pyyaml_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("clab_runtime.models.words.import_module", missing)
    with pytest.raises(ImportError, match=r"clab-runtime\[yaml\]"):
        NodeConfig.from_yaml("image: a")
    with pytest.raises(ImportError, match=r"clab-runtime\[yaml\]"):
        NodeConfig().to_yaml()


@given(
    name=texts,
    labels=st.dictionaries(words_of_go | texts, words_of_go | texts),
    binds=st.lists(words_of_go),
    cpu=st.floats(0, 1024),
    index=st.integers(0, 2**31),
    policy=st.sampled_from(PullPolicy),
    check=st.none() | st.builds(HealthcheckConfig, test=st.lists(words_of_go), interval=st.integers(0, 99)),
)
def test_any_node_survives_json(  # noqa: PLR0913 - one for each kind of field
    *,
    name: str,
    labels: dict[str, str],
    binds: list[str],
    cpu: float,
    index: int,
    policy: PullPolicy,
    check: HealthcheckConfig | None,
) -> None:
    node = NodeConfig(
        short_name=name, labels=labels, binds=binds, cpu=cpu, index=index, image_pull_policy=policy, healthcheck=check
    )
    assert NodeConfig.from_json(node.to_json()) == node


@given(labels=st.dictionaries(words_of_go, words_of_go), image=words_of_go, devices=st.lists(words_of_go))
def test_text_that_yaml_could_take_for_something_else_survives_yaml(
    labels: dict[str, str], image: str, devices: list[str]
) -> None:
    node = NodeConfig(labels=labels, image=image, devices=devices)
    assert NodeConfig.from_yaml(node.to_yaml()) == node


def test_the_callers_collections_stay_the_callers() -> None:
    labels, binds = {"a": "1"}, ["/a:/b"]
    node = NodeConfig(labels=labels, binds=binds)
    labels["b"] = "2"
    binds.append("/c:/d")
    assert node == NodeConfig(labels={"a": "1"}, binds=("/a:/b",))
    assert NodeConfig().labels is not NodeConfig().labels


def test_a_node_is_frozen() -> None:
    with pytest.raises(AttributeError):
        NodeConfig().image = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_changed_copy_is_made_with_replace() -> None:
    assert msgspec.structs.replace(FULL, image="b").image == "b"


@pytest.mark.parametrize("value", ["/a:/b", b"/a:/b", 3])
def test_a_lone_string_is_no_list(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"binds: .* give a list"):
        NodeConfig(binds=value)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_list_is_no_mapping() -> None:
    with pytest.raises(InvalidValueError, match=r"env: .* give a mapping"):
        NodeConfig(env=["A=1"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_the_hostname_falls_back_to_the_short_name_without_being_written() -> None:
    node = NodeConfig(short_name="r1")
    assert node.effective_hostname == "r1"
    assert b"hostname" not in node.to_json()
    assert NodeConfig(short_name="r1", hostname="h").effective_hostname == "h"


@pytest.mark.parametrize("text", ["IfNotPresent", "ifnotpresent", "IFNOTPRESENT", " IfNotPresent "])
def test_a_pull_policy_is_read_in_upper_or_lower_case(text: str) -> None:
    assert PullPolicy(text) is PullPolicy.IF_NOT_PRESENT
    assert NodeConfig.from_containerlab({"image-pull-policy": text}).image_pull_policy is PullPolicy.IF_NOT_PRESENT


@pytest.mark.parametrize("value", ["sometimes", "", None, 3])
def test_an_unknown_pull_policy_names_the_known_ones(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"image-pull-policy: .* one of Always, Never, IfNotPresent"):
        PullPolicy(value)  # type: ignore[arg-type]


def test_an_unknown_pull_policy_is_refused_when_read() -> None:
    with pytest.raises(msgspec.ValidationError, match="image-pull-policy"):
        NodeConfig.from_json('{"image-pull-policy":"sometimes"}')
