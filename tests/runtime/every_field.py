"""A value for every field of a node that an engine is asked for, each one other than the usual."""

from collections.abc import Mapping

from clab_runtime.models import DNSConfig, HealthcheckConfig, PortBinding

EVERY_FIELD: Mapping[str, object] = {
    "short_name": "r2",
    "hostname": "router",
    "image": "alpine:3.20",
    "sysctls": {"net.ipv4.ip_forward": "1"},
    "user": "1000:1000",
    "entrypoint": "sh -c",
    "cmd": "sleep 1000",
    "env": {"A": "b"},
    "binds": ["/a:/b"],
    "volumes": ["data:/c"],
    "devices": ["/dev/fuse"],
    "cap_add": ["NET_ADMIN"],
    "privileged": True,
    "cgroupns_mode": "private",
    "cgroup_parent": "/labs",
    "pid_mode": "host",
    "tmpfs": {"/run": "size=64k"},
    "security_opts": ["seccomp=unconfined"],
    "shm_size": "64mib",
    "port_bindings": {"80/tcp": [PortBinding("", "8080")]},
    "port_set": {"81/tcp": {}},
    "network_mode": "host",
    "mgmt_ipv4_address": "172.20.20.5",
    "mgmt_ipv6_address": "3fff:172:20:20::5",
    "mac_address": "02:42:ac:14:14:05",
    "mgmt_intf": "mgmt0",
    "healthcheck": HealthcheckConfig(test=["NONE"]),
    "aliases": ["gateway"],
    "extra_hosts": ["a:10.0.0.1"],
    "labels": {"containerlab": "demo"},
    "cpu": 1.5,
    "cpuset": "0-1",
    "memory": "512mb",
    "dns": DNSConfig(servers=["1.1.1.1"]),
    "auto_remove": True,
    "restart_policy": "always",
}
