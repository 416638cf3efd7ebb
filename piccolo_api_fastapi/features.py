"""What a feature of your own is made of: the names that a package beside this one imports."""

from .access.step_up import declare_factor
from .core.commands import Tools, declare_commands
from .core.database.auth_tables import AuthTable
from .core.database.transactions import transaction
from .core.database.user_tables import bound, primary_key
from .core.events.declared import EventKind, declare_events
from .core.events.events import AuthEvent, emit
from .core.http.problems import responses
from .core.http.route import AuthRoute
from .errors import AuthError
from .login.mfa.second_factor import SecondFactor
from .mail.message import LinkMessage, Message
from .mail.notices import NewFactor, declare_notices

__all__ = [
    "AuthError",
    "AuthEvent",
    "AuthRoute",
    "AuthTable",
    "EventKind",
    "LinkMessage",
    "Message",
    "NewFactor",
    "SecondFactor",
    "Tools",
    "bound",
    "declare_commands",
    "declare_events",
    "declare_factor",
    "declare_notices",
    "emit",
    "primary_key",
    "responses",
    "transaction",
]
