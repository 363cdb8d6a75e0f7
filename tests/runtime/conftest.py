"""The lab that every test on a real engine has."""

from tests.runtime.lab import lab

__all__ = ["lab"]
