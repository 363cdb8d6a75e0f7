"""Security options and capabilities, as Podman is asked for them."""

from collections.abc import Sequence
from typing import Final, TypedDict

from clab_runtime.engine.version import EngineInfo
from clab_runtime.models import NodeConfig
from clab_runtime.runtime import settings
from clab_runtime.runtime.podman_version import unsupported
from clab_runtime.runtime.security_options import SecurityOption, security_options

DOCKERS_CAPABILITIES: Final = ("CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW")
"""What containers have by default on Docker, and not on Podman 5: without the last of them ping fails."""
_ALL = "ALL"
_ROOT = ("", "0", "root")


class Rights(TypedDict):
    """What a request has of rights: a field for each security option."""

    privileged: bool
    cap_add: Sequence[str]
    no_new_privileges: bool
    seccomp_profile_path: str
    apparmor_profile: str
    selinux_opts: Sequence[str]
    unmask: Sequence[str]


def rights(node: NodeConfig, info: EngineInfo) -> Rights:
    """Sort the options; where one is given twice the last one counts, as on Docker, but labels add up."""
    options = security_options(node.security_opts)
    last = {option.name: option for option in options}
    if "writable-cgroups" in last:
        raise unsupported(info, f"security-opts {last['writable-cgroups'].text!r}")
    return Rights(
        privileged=bool(node.privileged),
        cap_add=settings.capabilities(node.cap_add),
        no_new_privileges="no-new-privileges" in last and last["no-new-privileges"].is_on,
        seccomp_profile_path=_seccomp(last.get("seccomp"), info),
        apparmor_profile=last["apparmor"].value if "apparmor" in last else "",
        selinux_opts=tuple(option.value for option in options if option.name == "label"),
        unmask=(_ALL,) if "systempaths" in last else (),
    )


def _seccomp(option: SecurityOption | None, info: EngineInfo) -> str:
    """Name the profile's file, which is one of Podman's host, or `unconfined`; empty is Podman's own profile."""
    if option is None or option.value == "builtin":
        return ""
    if option.value.lstrip().startswith("{"):
        raise unsupported(info, "security-opts seccomp={...}: it reads profiles from files alone")
    return option.value


def with_dockers(capabilities: Sequence[str], user: str) -> tuple[str, ...]:
    """Add what Docker's containers have by default.

    Only root gets them: to others Podman gives an added capability in effect, where Docker only leaves it to be had.
    """
    asked = {f"CAP_{name.upper().removeprefix('CAP_')}" for name in capabilities}
    if f"CAP_{_ALL}" in asked or user.partition(":")[0] not in _ROOT:
        return tuple(capabilities)
    return (*capabilities, *(name for name in DOCKERS_CAPABILITIES if name not in asked))
