"""Browsers in which users logged in before: guesses from elsewhere do not slow them down."""

from .queries import delete_expired_devices
from .service import KnownDevices
from .tables import KnownDevice

__all__ = ["KnownDevice", "KnownDevices", "delete_expired_devices"]
