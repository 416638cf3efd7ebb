"""Check the configuration of an application, its database, and the servers that it uses."""

from .commands import doctor
from .report import as_json, as_text
from .service import examine
from .values import Examination, Finding

__all__ = ["Examination", "Finding", "as_json", "as_text", "doctor", "examine"]
