"""A node as a request to create a container: every field, and what is refused."""

import resource
from typing import cast

import msgspec
import pytest

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import InvalidValueError, UnsupportedOperationError
from clab_runtime.models import DNSConfig, HealthcheckConfig, MgmtNet, NodeConfig
from clab_runtime.runtime import settings
from clab_runtime.runtime.docker_spec import container_request
from clab_runtime.runtime.node_fields import NOT_TRANSLATED
from tests.runtime.every_field import EVERY_FIELD

NODE = NodeConfig(short_name="r1", long_name="clab-demo-r1", image="alpine:3")
MGMT = MgmtNet()
API = APIVersion(1, 51)


def request(**changes: object) -> schema.ContainerCreate:
    return container_request(msgspec.structs.replace(NODE, **changes), MGMT, API, nofile=1024)


def refused(**changes: object) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as raised:
        request(**changes)
    return raised.value


@pytest.mark.parametrize("field", EVERY_FIELD)
def test_a_field_that_is_set_changes_the_request(field: str) -> None:
    assert msgspec.json.encode(request(**{field: EVERY_FIELD[field]})) != msgspec.json.encode(request())


def test_every_field_of_a_node_is_translated_checked_or_listed_as_not_translated() -> None:
    checked_alone = {"long_name", "mgmt_net", "runtime"}
    assert all(NOT_TRANSLATED.values())
    assert sorted({*EVERY_FIELD, *NOT_TRANSLATED, *checked_alone}) == sorted(NodeConfig.__struct_fields__)
    assert len(EVERY_FIELD) + len(NOT_TRANSLATED) + len(checked_alone) == len(NodeConfig.__struct_fields__)


def test_a_field_that_is_not_translated_leaves_the_request_as_it_is() -> None:
    words = {
        "fqdn": "r1.demo.io",
        "index": 3,
        "kind": "linux",
        "exec": ["ip a"],
        "startup-delay": 5,
        "extras": {"a": 1},
    }
    node = NodeConfig.from_containerlab({**words, "shortname": "r1", "longname": "clab-demo-r1", "image": "alpine:3"})
    assert container_request(node, MGMT, API, nofile=1024) == request()


def test_a_plain_node_asks_for_nothing_but_what_all_nodes_get() -> None:
    body = cast("dict[str, object]", msgspec.json.decode(msgspec.json.encode(request())))
    assert body == {
        "Image": "alpine:3",
        "Hostname": "r1",
        "Tty": True,
        "OpenStdin": True,
        "HostConfig": {"NetworkMode": "clab", "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]},
        "NetworkingConfig": {"EndpointsConfig": {"clab": {}}},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sleep 1000", ("sleep", "1000")),
        ("sh -c 'echo \"a b\"'", ("sh", "-c", 'echo "a b"')),
        ("''", ("",)),
        ("", msgspec.UNSET),
        ("  ", msgspec.UNSET),
    ],
)
def test_commands_are_split_as_a_shell_does(text: str, words: object) -> None:
    assert request(cmd=text).cmd == words
    assert request(entrypoint=text).entrypoint == words


@pytest.mark.parametrize("field", ["cmd", "entrypoint"])
def test_a_command_with_an_open_quote_is_refused(field: str) -> None:
    assert refused(**{field: "sh -c 'echo"}).field == field


def test_the_hostname_falls_back_to_the_short_name() -> None:
    assert request(hostname="router").hostname == "router"
    assert request().hostname == "r1"


@pytest.mark.parametrize("name", ["a" * 65, "a b"])
def test_a_hostname_that_the_kernel_refuses_is_refused(name: str) -> None:
    assert refused(hostname=name).field == "hostname"


@pytest.mark.parametrize("name", ["", "r", "-r1", "a b", "a/b", "/r1", "é1"])
def test_a_container_name_that_engines_refuse_is_refused(name: str) -> None:
    assert refused(long_name=name).field == "longname"


@pytest.mark.parametrize("image", ["alpine", "reg:5000/x:1", "ab" * 32, "sha256:" + "ab" * 32])
def test_an_image_is_sent_as_it_was_written(image: str) -> None:
    assert request(image=image).image == image


@pytest.mark.parametrize("image", ["", "Alpine", "a:b:c"])
def test_an_image_that_is_no_reference_is_refused(image: str) -> None:
    assert refused(image=image).field == "image"


def test_variables_are_written_as_name_and_value() -> None:
    assert request(env={"A": "1=2", "B": ""}).env == ("A=1=2", "B=")


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_a_variable_without_a_proper_name_is_refused(name: str) -> None:
    assert refused(env={name: "x"}).field == "env"


def test_a_variables_value_is_not_shown_when_it_is_refused() -> None:
    assert "hunter2" not in str(refused(env={"PASSWORD": "hunter2\0"}))


def test_the_callers_mappings_are_not_shared_with_the_request() -> None:
    node = msgspec.structs.replace(NODE, labels={"a": "b"})
    made = container_request(node, MGMT, API)
    assert made.labels == {"a": "b"}
    assert made.labels is not node.labels


def test_nofile_is_the_hard_limit_of_this_process() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    expected = min(hard, settings.LARGEST_NOFILE) if hard != resource.RLIM_INFINITY else settings.LARGEST_NOFILE
    assert container_request(NODE, MGMT, API).host_config.ulimits == (
        schema.Ulimit(name="nofile", soft=expected, hard=expected),
    )


@pytest.mark.parametrize(("hard", "limit"), [(4096, 4096), (2**30, 1048576), (resource.RLIM_INFINITY, 1048576)])
def test_nofile_is_at_most_what_kernels_allow(monkeypatch: pytest.MonkeyPatch, hard: int, limit: int) -> None:
    def getrlimit(_: int) -> tuple[int, int]:
        return 1024, hard

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    assert settings.nofile_limit() == limit


def test_sizes_and_shares_are_in_the_engines_numbers() -> None:
    host = request(memory="512mb", shm_size="1GiB", cpu=1.5, cpuset="0-3,7").host_config
    assert (host.memory, host.shm_size) == (512_000_000, 1024**3)
    assert (host.cpu_quota, host.cpu_period, host.cpuset_cpus) == (150_000, 100_000, "0-3,7")


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("memory", "lots", "memory"),
        ("shm_size", "1XB", "shm-size"),
        ("cpu", -1.0, "cpu"),
        ("cpu", float("nan"), "cpu"),
        ("cpu", float("inf"), "cpu"),
        ("cpu", 0.001, "cpu"),
        ("cpu", 1e12, "cpu"),
        ("cpu", 1e300, "cpu"),
        ("memory", "5mb", "memory"),
        ("memory", "6291455", "memory"),
        ("user", "a b", "user"),
        ("user", "0:", "user"),
        ("user", ":0", "user"),
        ("user", "0:0:0", "user"),
        ("labels", {"": "x"}, "labels"),
        ("labels", {" ": "x"}, "labels"),
        ("cgroup_parent", "/a/../../b", "cgroup-parent"),
        ("cgroup_parent", "a b", "cgroup-parent"),
        ("cpuset", "0-", "cpuset"),
        ("cpuset", "3-1", "cpuset"),
        ("cpuset", "0,,1", "cpuset"),
        ("sysctls", {"net ipv4": "1"}, "sysctls"),
        ("sysctls", {"": "1"}, "sysctls"),
        ("sysctls", {"net": "1"}, "sysctls"),
        ("sysctls", {"net/../../kernel/x": "1"}, "sysctls"),
        ("sysctls", {"net..ipv4.ip_forward": "1"}, "sysctls"),
        ("cap_add", ["net admin"], "cap-add"),
        ("cap_add", [""], "cap-add"),
        ("security_opts", [" "], "security-opts"),
        ("pid_mode", "private", "pidmode"),
        ("pid_mode", "container:", "pidmode"),
        ("pid_mode", "container", "pidmode"),
        ("pid_mode", "container:../x", "pidmode"),
        ("cgroupns_mode", "container:x", "cgroupns-mode"),
        ("dns", DNSConfig(servers=["one.one"]), "dns servers"),
        ("dns", DNSConfig(search=["a b"]), "dns search"),
        ("dns", DNSConfig(options=[""]), "dns options"),
        ("extra_hosts", ["a"], "extra-hosts"),
        ("extra_hosts", [":10.0.0.1"], "extra-hosts"),
        ("extra_hosts", ["a:b"], "extra-hosts"),
        ("extra_hosts", ["a b:10.0.0.1"], "extra-hosts"),
        ("restart_policy", "sometimes", "restart-policy"),
        ("restart_policy", "always:3", "restart-policy"),
        ("restart_policy", "on-failure:-1", "restart-policy"),
        ("restart_policy", "on-failure:", "restart-policy"),
        ("restart_policy", "on-failure:9999999999", "restart-policy"),
        ("healthcheck", HealthcheckConfig(test=["true"]), "healthcheck test"),
        ("healthcheck", HealthcheckConfig(test=["CMD"]), "healthcheck test"),
        ("healthcheck", HealthcheckConfig(test=["CMD-SHELL", "cat", "/a"]), "healthcheck test"),
        ("healthcheck", HealthcheckConfig(test=["NONE", "true"]), "healthcheck test"),
        ("healthcheck", HealthcheckConfig(interval=-1), "healthcheck interval"),
        ("healthcheck", HealthcheckConfig(timeout=10**10), "healthcheck timeout"),
        ("healthcheck", HealthcheckConfig(retries=2**31), "healthcheck retries"),
        ("healthcheck", HealthcheckConfig(start_period=-1), "healthcheck start-period"),
    ],
)
def test_a_malformed_value_is_refused_under_its_word(field: str, value: object, word: str) -> None:
    assert refused(**{field: value}).field == word


@pytest.mark.parametrize("who", ["", "root", "0", "1000:1000", "nobody:nogroup"])
def test_a_user_is_sent_as_written(who: str) -> None:
    assert request(user=who).user == who


@pytest.mark.parametrize("mode", ["", "host", "container:other"])
def test_a_pid_mode_is_sent_as_it_is(mode: str) -> None:
    assert request(pid_mode=mode).host_config.pid_mode == mode


def test_capabilities_keep_their_spelling() -> None:
    assert request(cap_add=["NET_ADMIN", "CAP_SYS_PTRACE", "all"]).host_config.cap_add == (
        "NET_ADMIN", "CAP_SYS_PTRACE", "all"
    )  # fmt: skip


def test_security_options_are_sent_as_they_are() -> None:
    host = request(security_opts=["no-new-privileges", 'seccomp={"a": 1}']).host_config
    assert host.security_opt == ("no-new-privileges", 'seccomp={"a": 1}')
    assert (host.masked_paths, host.readonly_paths) == (msgspec.UNSET, msgspec.UNSET)


def test_unconfined_system_paths_become_empty_lists_of_hidden_paths() -> None:
    host = request(security_opts=["systempaths=unconfined", "label=disable"]).host_config
    assert (host.security_opt, host.masked_paths, host.readonly_paths) == (("label=disable",), (), ())
    assert b'"MaskedPaths":[],"ReadonlyPaths":[]' in msgspec.json.encode(host)


@pytest.mark.parametrize(("asked", "sent"), [(True, True), (False, False), (None, False)])
def test_a_container_is_privileged_only_when_that_is_said(asked: object, sent: object) -> None:
    assert request(privileged=asked).host_config.privileged is sent


def test_a_cgroup_namespace_needs_the_api_that_knows_it() -> None:
    node = msgspec.structs.replace(NODE, cgroupns_mode="host")
    assert container_request(node, MGMT, APIVersion(1, 41)).host_config.cgroupns_mode == "host"
    with pytest.raises(UnsupportedOperationError, match=r"docker API 1\.40 does not support cgroupns-mode 'host'"):
        container_request(node, MGMT, APIVersion(1, 40))


def test_name_resolution_is_passed_on() -> None:
    host = request(dns=DNSConfig(servers=["1.1.1.1", "fd00::53"], search=["lab.io"], options=["ndots:2"])).host_config
    assert (host.dns, host.dns_search, host.dns_options) == (("1.1.1.1", "fd00::53"), ("lab.io",), ("ndots:2",))


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("a:10.0.0.1", "a:10.0.0.1"),
        ("a:fd00::1", "a:fd00::1"),
        ("a:[fd00::1]", "a:fd00::1"),
        ("a:host-gateway", "a:host-gateway"),
    ],
)
def test_extra_hosts_are_names_with_addresses(line: str, sent: str) -> None:
    assert request(extra_hosts=[line]).host_config.extra_hosts == (sent,)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", None),
        ("no", schema.RestartPolicy(name="no")),
        ("always", schema.RestartPolicy(name="always")),
        ("unless-stopped", schema.RestartPolicy(name="unless-stopped")),
        ("on-failure", schema.RestartPolicy(name="on-failure")),
        ("on-failure:3", schema.RestartPolicy(name="on-failure", maximum_retry_count=3)),
    ],
)
def test_a_restart_policy_is_read(text: str, policy: schema.RestartPolicy | None) -> None:
    assert request(restart_policy=text).host_config.restart_policy == policy


def test_a_restart_policy_is_ignored_but_checked_with_auto_remove() -> None:
    host = request(restart_policy="always", auto_remove=True).host_config
    assert (host.restart_policy, host.auto_remove) == (None, True)
    assert refused(restart_policy="sometimes", auto_remove=True).field == "restart-policy"


def test_a_health_check_is_in_nanoseconds() -> None:
    config = HealthcheckConfig(test=["CMD-SHELL", "true"], interval=5, timeout=2, retries=3, start_period=60)
    assert request(healthcheck=config).healthcheck == schema.HealthConfig(
        test=("CMD-SHELL", "true"),
        interval=5_000_000_000,
        timeout=2_000_000_000,
        retries=3,
        start_period=60_000_000_000,
    )


@pytest.mark.parametrize("test", [(), ("NONE",), ("CMD", "true"), ("CMD", "cat", "/a"), ("CMD-SHELL", "cat /a")])
def test_a_health_checks_command_is_sent_as_it_is(test: tuple[str, ...]) -> None:
    made = request(healthcheck=HealthcheckConfig(test=test)).healthcheck
    assert made is not None
    assert made.test == test
