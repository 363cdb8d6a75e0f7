"""Options for the driver of Podman's networks, in Docker's words or in Podman's own: each is honoured or refused.

Podman itself drops what it does not know, with a warning that nobody reads.
"""

from collections.abc import Mapping
from typing import Final

from clab_runtime.engine.version import LIBPOD_FLOOR, EngineInfo
from clab_runtime.errors import InvalidValueError, UnsupportedOperationError
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.addresses import check_interface
from clab_runtime.runtime.network_spec import BRIDGE_NAME, GATEWAY_MODES, MTU, OPEN_GATEWAY, driver_options

PODMAN_MTU: Final = "mtu"
MODE: Final = "mode"
UNMANAGED: Final = "unmanaged"
"""The mode in which netavark leaves a bridge that is there as it is."""

_OWN = {PODMAN_MTU, "vlan", "isolate"}
"""Podman's words that it always had."""
_OWN_SINCE_4_3 = {"metric", "no_default_route", "vrf", MODE}
"""Those that 4.3 has not, and 5.4 has."""
_TRUE = frozenset({"1", "t", "true"})
_HOW_IT_IS: Mapping[str, frozenset[str]] = {
    "com.docker.network.bridge.enable_icc": _TRUE,
    "com.docker.network.bridge.enable_ip_masquerade": _TRUE,
    **dict.fromkeys(GATEWAY_MODES, frozenset({OPEN_GATEWAY})),
}
"""Docker's words for what is always so on netavark, and the values that mean that."""


def podman_options(mgmt: MgmtNet) -> dict[str, str]:
    """Return the driver's options in Podman's words, without the bridge's name and what is so anyway."""
    asked = driver_options(mgmt)
    translated = {PODMAN_MTU if word == MTU else word: value for word, value in asked.items()}
    return {word: value for word, value in translated.items() if word not in _HOW_IT_IS and word != BRIDGE_NAME}


def asked_bridge(mgmt: MgmtNet) -> str:
    """Return the bridge's name that a driver's option gives; empty for none."""
    name = driver_options(mgmt).get(BRIDGE_NAME, "")
    return check_interface("driver-opts", name) if name else ""


def check_malformed(mgmt: MgmtNet) -> None:
    """Refuse options whose values no engine takes."""
    options = driver_options(mgmt)
    for word in (MTU, PODMAN_MTU):
        if not options.get(word, "0").isdecimal():
            raise InvalidValueError("driver-opts", f"{word}={options[word]}", "write the MTU as a number")


def check_supported(mgmt: MgmtNet, info: EngineInfo) -> None:
    """Refuse options that this Podman does not know, and those that ask for what netavark never does."""
    for word, value in driver_options(mgmt).items():
        if word in _HOW_IT_IS:
            is_known = value.lower() in _HOW_IT_IS[word]
        else:
            is_known = word in {MTU, BRIDGE_NAME} | _OWN or (word in _OWN_SINCE_4_3 and _is_newer_than_4_3(info))
        if not is_known:
            raise UnsupportedOperationError(info.engine, info.version, f"driver-opts {word}={value}")


def _is_newer_than_4_3(info: EngineInfo) -> bool:
    """Tell whether this Podman is newer than the oldest that there is support for."""
    return info.libpod_version is not None and info.libpod_version > LIBPOD_FLOOR
