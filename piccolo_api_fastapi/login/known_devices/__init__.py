"""Browsers in which people logged in before, whom the guesses of others do not slow down."""

from .queries import delete_expired_devices
from .service import KnownDevices
from .tables import KnownDevice

__all__ = ["KnownDevice", "KnownDevices", "delete_expired_devices"]
