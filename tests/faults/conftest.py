"""The lab that every test on a real engine has."""

from tests.contract.lab import lab

__all__ = ["lab"]
