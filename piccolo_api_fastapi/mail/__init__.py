"""Messages to users, and the objects that send them."""

from .console import ConsoleMail
from .message import LinkMessage, Mail, Message
from .messages import (
    AccountClosed,
    AlreadyRegistered,
    ConfirmEmail,
    DetailTaken,
    EmailChanged,
    EmailChangeRequested,
    NewSignIn,
    PasswordChanged,
    ResetPassword,
    SecondFactorChanged,
    SignInByEmail,
    SignInCode,
    UsernameTaken,
    VerifyEmail,
    VerifyEmailFirst,
)
from .smtp import SMTPMail, render_plainly
from .wording import Texts, WriteText

__all__ = [
    "AccountClosed",
    "AlreadyRegistered",
    "ConfirmEmail",
    "ConsoleMail",
    "DetailTaken",
    "EmailChangeRequested",
    "EmailChanged",
    "LinkMessage",
    "Mail",
    "Message",
    "NewSignIn",
    "PasswordChanged",
    "ResetPassword",
    "SMTPMail",
    "SecondFactorChanged",
    "SignInByEmail",
    "SignInCode",
    "Texts",
    "UsernameTaken",
    "VerifyEmail",
    "VerifyEmailFirst",
    "WriteText",
    "render_plainly",
]
