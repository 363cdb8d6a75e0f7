"""A node as what Podman is asked to create: every field, and what is refused."""

import resource
from collections.abc import Mapping
from typing import cast

import msgspec
import pytest

from clab_runtime.engine import schema
from clab_runtime.models import DNSConfig, HealthcheckConfig, NodeConfig
from clab_runtime.runtime import podman_limits
from clab_runtime.runtime.node_fields import NOT_TRANSLATED
from clab_runtime.runtime.podman_spec import container_spec
from tests.runtime.every_field import EVERY_FIELD
from tests.runtime.podman_nodes import MGMT, NEW, NODE, OLD, refused, spec, unsupported

FIELDS: Mapping[str, object] = {**EVERY_FIELD, "long_name": "clab-demo-r2"}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_is_set_changes_what_is_asked_for(field: str) -> None:
    assert msgspec.json.encode(spec(**{field: FIELDS[field]})) != msgspec.json.encode(spec())


def test_every_field_of_a_node_is_translated_checked_or_listed_as_not_translated() -> None:
    checked_alone = {"mgmt_net", "runtime"}
    assert sorted([*FIELDS, *NOT_TRANSLATED, *checked_alone]) == sorted(NodeConfig.__struct_fields__)


def test_a_plain_node_asks_for_nothing_but_what_all_nodes_get() -> None:
    body = cast("dict[str, object]", msgspec.json.decode(msgspec.json.encode(spec())))
    assert body == {
        "name": "clab-demo-r1",
        "image": "alpine:3",
        "hostname": "r1",
        "terminal": True,
        "stdin": True,
        "systemd": "false",
        "netns": {"nsmode": "bridge"},
        "Networks": {"clab": {}},
        "resource_limits": {"pids": {"limit": -1}},
        "r_limits": [{"type": "nofile", "soft": 1024, "hard": 1024}],
    }


def test_a_command_is_split_as_a_shell_does_and_left_to_the_image_where_there_is_none() -> None:
    made = spec(cmd="sh -c 'echo \"a b\"'", entrypoint="''")
    assert (made.command, made.entrypoint) == (("sh", "-c", 'echo "a b"'), ("",))
    assert (spec().command, spec(entrypoint=" ").entrypoint) == (msgspec.UNSET, msgspec.UNSET)


def test_variables_and_labels_are_mappings_that_the_caller_does_not_share() -> None:
    node = msgspec.structs.replace(NODE, env={"A": "1=2", "B": ""}, labels={"a": "b"})
    made = container_spec(node, MGMT, NEW)
    assert (made.env, made.labels) == ({"A": "1=2", "B": ""}, {"a": "b"})
    assert made.labels is not node.labels


def test_sizes_and_shares_are_in_podmans_numbers_with_as_much_swap_as_memory() -> None:
    made = spec(memory="512mb", shm_size="1GiB", cpu=1.5, cpuset="0-3,7")
    assert made.shm_size == 1024**3
    assert made.resource_limits == schema.SpecResources(
        memory=schema.SpecMemory(limit=512_000_000, swap=1_024_000_000),
        cpu=schema.SpecCPU(quota=150_000, period=100_000, cpus="0-3,7"),
        pids=schema.SpecPids(limit=-1),
    )


def test_the_largest_memory_has_no_more_swap_than_there_are_numbers() -> None:
    made = spec(memory=str(2**63 - 1)).resource_limits
    assert made
    assert made.memory == schema.SpecMemory(limit=2**63 - 1, swap=2**63 - 1)


@pytest.mark.parametrize(
    ("hard", "most", "limit"),
    [
        (100, "32768\n", 100),
        (10**6, "32768\n", 32768),
        (resource.RLIM_INFINITY, "4194304", 4194304),
        (10**6, "", 32768),
    ],
)
def test_podman_4_is_told_how_many_processes_there_may_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, hard: int, most: str, limit: int
) -> None:
    def getrlimit(_: int) -> tuple[int, int]:
        return 10, hard

    file = tmp_path_factory.mktemp("proc") / "pid_max"
    file.write_text(most)
    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    monkeypatch.setattr(podman_limits, "_MOST_PROCESSES", file)
    assert spec(OLD).r_limits == [
        schema.Rlimit(type="nofile", soft=1024, hard=1024),
        schema.Rlimit(type="nproc", soft=limit, hard=limit),
    ]


def test_namespaces_are_named_in_podmans_words() -> None:
    assert (spec().pidns, spec().cgroupns) == (None, None)
    assert spec(pid_mode="host").pidns == schema.Namespace(nsmode="host")
    assert spec(pid_mode="container:other").pidns == schema.Namespace(nsmode="container", value="other")
    assert spec(cgroupns_mode="private").cgroupns == schema.Namespace(nsmode="private")


@pytest.mark.parametrize(
    ("text", "policy", "tries"),
    [("", "", 0), ("no", "no", 0), ("unless-stopped", "unless-stopped", 0), ("on-failure:3", "on-failure", 3)],
)
def test_a_restart_policy_is_a_word_and_a_number(text: str, policy: str, tries: int) -> None:
    made = spec(restart_policy=text)
    assert (made.restart_policy, made.restart_tries, made.remove) == (policy, tries, False)


def test_a_restart_policy_is_ignored_but_checked_with_auto_remove() -> None:
    made = spec(restart_policy="always", auto_remove=True)
    assert (made.restart_policy, made.remove) == ("", True)
    assert refused(restart_policy="sometimes", auto_remove=True).field == "restart-policy"


def test_name_resolution_is_passed_on_where_there_is_a_network() -> None:
    dns = DNSConfig(servers=["1.1.1.1", "fd00::53"], search=["lab.io"], options=["ndots:2"])
    made = spec(dns=dns)
    assert (made.dns_server, made.dns_search, made.dns_option) == (dns.servers, dns.search, dns.options)
    assert unsupported(dns=dns, network_mode="none").feature == "dns with networkmode 'none'"
    assert spec(dns=DNSConfig(), network_mode="none")


def test_the_hosts_own_address_is_for_podmans_that_know_the_word() -> None:
    assert spec(extra_hosts=["a:host-gateway", "b:[fd00::1]"]).hostadd == ("a:host-gateway", "b:fd00::1")
    assert "needs Podman 4.7" in unsupported(OLD, extra_hosts=["a:host-gateway"]).feature


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("long_name", "", "longname"),
        ("hostname", "a b", "hostname"),
        ("image", "Alpine", "image"),
        ("runtime", "docker", "runtime"),
        ("memory", "lots", "memory"),
        ("user", "a b", "user"),
        ("sysctls", {"net..x": "1"}, "sysctls"),
        ("cap_add", ["net admin"], "cap-add"),
        ("pid_mode", "private", "pidmode"),
        ("cgroupns_mode", "container:x", "cgroupns-mode"),
        ("dns", DNSConfig(servers=["one.one"]), "dns servers"),
        ("extra_hosts", ["a b:10.0.0.1"], "extra-hosts"),
        ("healthcheck", HealthcheckConfig(test=["true"]), "healthcheck test"),
        ("security_opts", ["bogus"], "security-opts"),
        ("mgmt_net", "other", "mgmt-net"),
    ],
)
def test_a_malformed_value_is_refused_under_its_word_as_on_docker(field: str, value: object, word: str) -> None:
    assert refused(**{field: value}).field == word
