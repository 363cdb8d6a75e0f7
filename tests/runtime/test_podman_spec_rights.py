"""Capabilities and security options, as Podman is asked for them; and what options there are at all."""

import pytest

from clab_runtime.errors import InvalidValueError
from clab_runtime.runtime.podman_security import DOCKERS_CAPABILITIES, with_dockers
from clab_runtime.runtime.security_options import security_options
from tests.runtime.podman_nodes import spec, unsupported


def test_each_security_option_has_a_field_of_its_own() -> None:
    options = ["no-new-privileges", "seccomp=/etc/profile.json", "apparmor=lab", "label=user:me", "label:role:you"]
    made = spec(security_opts=[*options, "systempaths=unconfined"])
    assert (made.no_new_privileges, made.unmask) == (True, ("ALL",))
    assert (made.seccomp_profile_path, made.apparmor_profile) == ("/etc/profile.json", "lab")
    assert made.selinux_opts == ("user:me", "role:you")


@pytest.mark.parametrize(
    ("option", "is_on"),
    [("no-new-privileges", True), ("no-new-privileges=true", True), ("no-new-privileges:false", False)],
)
def test_a_flag_is_set_alone_or_by_a_word(option: str, *, is_on: bool) -> None:
    assert spec(security_opts=[option]).no_new_privileges is is_on


def test_the_last_of_an_option_counts() -> None:
    made = spec(security_opts=["seccomp=unconfined", "no-new-privileges", "seccomp=builtin", "no-new-privileges=0"])
    assert (made.seccomp_profile_path, made.no_new_privileges) == ("", False)


def test_a_profile_that_is_no_file_is_not_podmans() -> None:
    assert "seccomp={...}" in unsupported(security_opts=['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}']).feature
    assert "writable-cgroups" in unsupported(security_opts=["writable-cgroups=true"]).feature


@pytest.mark.parametrize(
    "text",
    ["", " ", "bogus", "bogus=1", "seccomp", "seccomp=", "seccomp={", "no-new-privileges:maybe", "systempaths=x"],
)
def test_an_option_that_no_engine_takes_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        security_options([text])
    assert raised.value.field == "security-opts"


@pytest.mark.parametrize("user", ["", "root", "0", "0:1000", "root:wheel"])
def test_root_has_the_capabilities_that_docker_gives(user: str) -> None:
    assert with_dockers(("NET_ADMIN", "cap_mknod"), user) == (
        "NET_ADMIN", "cap_mknod", "CAP_AUDIT_WRITE", "CAP_NET_RAW"
    )  # fmt: skip
    assert with_dockers((), user) == DOCKERS_CAPABILITIES


@pytest.mark.parametrize("user", ["1000", "nobody", "1000:0"])
def test_another_user_gets_no_more_than_was_asked_for(user: str) -> None:
    assert with_dockers(("NET_ADMIN",), user) == ("NET_ADMIN",)


@pytest.mark.parametrize("word", ["ALL", "all", "CAP_ALL"])
def test_all_capabilities_are_enough(word: str) -> None:
    assert with_dockers((word,), "") == (word,)
