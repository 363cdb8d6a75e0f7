"""Settings of a node that are neither mounts, ports nor addresses, each checked and put into the engine's words."""

import re
import resource
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import DNSConfig, HealthcheckConfig
from clab_runtime.runtime.addresses import check_ip

LARGEST_NOFILE: Final = 1_048_576
"""The most open files that a container's processes may ask for; the kernel's default for fs.nr_open."""

_SECOND = 1_000_000_000
_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
_LONGEST_HOSTNAME = 64
_CAPABILITY = re.compile(r"(CAP_)?[A-Za-z][A-Za-z0-9_]*", re.IGNORECASE | re.ASCII)
_USER = re.compile(r"[^\s:]+(:[^\s:]+)?")
_SYSCTL = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)+")
_CPUS = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_RESTART = re.compile(r"(no|always|unless-stopped|on-failure)(?::([0-9]{1,9}))?")
_FEWEST_WORDS = {"NONE": 1, "CMD": 2, "CMD-SHELL": 2}
_MOST_WORDS = {"NONE": 1, "CMD-SHELL": 2}
_LONGEST_TIME = (2**63 - 1) // _SECOND
_MOST_RETRIES = 2**31 - 1
_CGROUPNS_MODES = ("", "private", "host")


def nofile_limit() -> int:
    """Tell how many files containers may have open: what this process may at most, and not too many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return LARGEST_NOFILE if hard == resource.RLIM_INFINITY else min(hard, LARGEST_NOFILE)


def container_name(name: str) -> str:
    """Return a container's name, if engines take it."""
    if not _CONTAINER_NAME.fullmatch(name):
        allowed = "a container's name has 2 to 255 letters, digits, _, . and -, and begins with a letter or a digit"
        raise InvalidValueError("longname", name, allowed)
    return name


def hostname(name: str) -> str:
    """Return a hostname, if the kernel takes it."""
    if len(name.encode()) > _LONGEST_HOSTNAME or _has_blanks(name):
        raise InvalidValueError("hostname", name, f"give at most {_LONGEST_HOSTNAME} characters and no blanks")
    return name


def user(name: str) -> str:
    """Return who runs the command, if it can be somebody; whether there is such a user only the image knows."""
    if name and not _USER.fullmatch(name):
        raise InvalidValueError("user", name, "write a user, user:group, uid or uid:gid, without blanks")
    return name


def labels(given: Mapping[str, str]) -> dict[str, str]:
    """Refuse a label without a name; engines take it, and nobody finds it again."""
    for name in given:
        if not name.strip():
            raise InvalidValueError("labels", name, "a label's name is not empty")
    return dict(given)


def shell_words(field: str, text: str) -> tuple[str, ...]:
    """Split a command as a shell does."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidValueError(field, text, f"write it as for a shell ({error})") from None


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Check the names of variables."""
    for name in variables:
        if not name or "=" in name:
            raise InvalidValueError("env", name, "a variable's name is not empty and has no = in it")
    return dict(variables)


def sysctls(settings: Mapping[str, str]) -> dict[str, str]:
    """Check the names of kernel settings; with .. in them engines would write to other files of /proc/sys."""
    for name in settings:
        if not _SYSCTL.fullmatch(name):
            raise InvalidValueError("sysctls", name, "write a name such as net.ipv4.ip_forward")
    return dict(settings)


def capabilities(names: Sequence[str]) -> tuple[str, ...]:
    """Check the names of capabilities; the prefix `CAP_` may be there or not."""
    for name in names:
        if not _CAPABILITY.fullmatch(name):
            raise InvalidValueError("cap-add", name, "write a capability such as NET_ADMIN, or ALL")
    return tuple(names)


def words(field: str, texts: Sequence[str], *, blanks: bool = False) -> tuple[str, ...]:
    """Refuse words that are empty, or have blanks in them where that can't be meant."""
    for text in texts:
        if not text.strip() or (not blanks and _has_blanks(text)):
            raise InvalidValueError(field, text, "an entry is not empty" + ("" if blanks else " and has no blanks"))
    return tuple(texts)


def name_resolution(dns: DNSConfig | None) -> DNSConfig:
    """Check servers, domains and options of resolv.conf; None asks for nothing."""
    dns = dns or DNSConfig()
    return DNSConfig(
        servers=tuple(check_ip("dns servers", server) for server in dns.servers),
        search=words("dns search", dns.search),
        options=words("dns options", dns.options),
    )


def cpuset(text: str) -> str:
    """Check a list of CPUs, `0-3,7`."""
    for part in text.split(",") if text else ():
        numbers = _CPUS.fullmatch(part)
        if not numbers or int(numbers[1]) > int(numbers[2] or numbers[1]):
            raise InvalidValueError("cpuset", text, "write CPUs and ranges of them, such as 0-3,7")
    return text


def pid_mode(mode: str) -> str:
    """Check whose pid namespace is used."""
    if mode in {"", "host"} or shared_container(mode):
        return mode
    raise InvalidValueError("pidmode", mode, "leave it empty, or write host or container:<name>")


def shared_container(mode: str) -> str:
    """Tell the node or container whose namespace `container:<name>` means; empty where it means none."""
    kind, _, container = mode.partition(":")
    return container if kind == "container" and _CONTAINER.fullmatch(container) else ""


def cgroup_parent(path: str) -> str:
    """Refuse what leads out of the place where the engine has its cgroups."""
    if ".." in path.split("/") or _has_blanks(path):
        raise InvalidValueError("cgroup-parent", path, "write a cgroup's path or a slice's name, without .. and blanks")
    return path


def cgroupns_mode(mode: str) -> str:
    """Check which cgroup namespace is used."""
    if mode not in _CGROUPNS_MODES:
        raise InvalidValueError("cgroupns-mode", mode, "leave it empty, or write private or host")
    return mode


def restart_policy(text: str) -> schema.RestartPolicy | None:
    """Read `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`."""
    if not text:
        return None
    parts = _RESTART.fullmatch(text)
    if not parts or (parts[2] and parts[1] != "on-failure"):
        raise InvalidValueError("restart-policy", text, "write no, always, unless-stopped, on-failure or on-failure:3")
    return schema.RestartPolicy(name=parts[1], maximum_retry_count=int(parts[2] or 0))


def healthcheck(config: HealthcheckConfig | None) -> schema.HealthConfig | None:
    """Turn seconds into nanoseconds; None leaves the image's check as it is."""
    if config is None:
        return None
    _check_probe(config.test)
    return schema.HealthConfig(
        test=tuple(config.test),
        interval=_within("interval", config.interval, _LONGEST_TIME) * _SECOND,
        timeout=_within("timeout", config.timeout, _LONGEST_TIME) * _SECOND,
        retries=_within("retries", config.retries, _MOST_RETRIES),
        start_period=_within("start-period", config.start_period, _LONGEST_TIME) * _SECOND,
    )


def _check_probe(test: Sequence[str]) -> None:
    """Refuse a command that engines would take for another; after CMD-SHELL they read one word and drop the rest."""
    if not test:
        return
    kind = test[0]
    if kind not in _FEWEST_WORDS or not _FEWEST_WORDS[kind] <= len(test) <= _MOST_WORDS.get(kind, len(test)):
        raise InvalidValueError(
            "healthcheck test", test, "write NONE, CMD and the command's words, or CMD-SHELL and one shell command"
        )


def _within(field: str, number: int, most: int) -> int:
    """Refuse a number that is negative, or too large for the engine."""
    if not 0 <= number <= most:
        raise InvalidValueError(f"healthcheck {field}", number, f"give a number from 0, the engine's own, to {most}")
    return number


def check_runtime(word: str, runtime: str) -> None:
    """Refuse a node that is meant for another runtime."""
    if word not in {"", runtime}:
        raise InvalidValueError("runtime", word, f"leave it empty, or write {runtime}, which this runtime is")


def _has_blanks(text: str) -> bool:
    """Tell whether there is white space in a text."""
    return any(character.isspace() for character in text)
