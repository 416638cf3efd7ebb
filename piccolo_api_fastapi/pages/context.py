"""`PageContext`: what the template of a page may use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .brand import Brand


@dataclass(frozen=True, slots=True)
class PageInfo:
    """
    Which page it is.

    Args:
        name: The name, such as `login`.
        title: What it is called in the language of the page.
        href: Its path.
    """

    name: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Errors:
    """
    Why a form was refused, in the language of the page.

    Args:
        general: What concerns the whole form.
        fields: What concerns a field, by its name.
        code: The stable code of the error, or an empty text.
    """

    general: Sequence[str] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    def __bool__(self) -> bool:
        return bool(self.general or self.fields)


@dataclass(frozen=True, slots=True)
class MenuItem:
    """
    An entry of the menu of the account.

    Args:
        name: The name of the page.
        title: What it is called.
        href: Its path.
    """

    name: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class PageContext:
    """
    What the template of a page may use, by these names.

    ```html
    {% if username is not none %}<p>{{ t("account.title") }}: {{ username }}</p>{% endif %}
    ```

    Args:
        page: Which page it is.
        brand: The name, the logo and the colours of the site.
        lang: The language (BCP 47).
        dir: Its direction, `ltr` or `rtl`.
        errors: Why the form was refused.
        values: What the user typed or chose. Passwords, codes and tokens are left out.
        data: The answer of the operation that the page shows, as the API gives it; else empty.
        facts: What the feature of the page adds, such as the rules for passwords.
        urls: The paths of the pages that there are, by name.
        menu: The pages of the account, for users who are signed in.
        username: The username of the caller, or `None` for strangers.
        next: Where to go after the page; the default is an empty text.
        home: Where the name of the site leads.
        done: What was done just before, as a sentence, or an empty text.
        styles: The paths of the stylesheets.
        script: The path of the script.
        passkey_script: The path of the script for passkeys.
        t: Gives the text of a key, with its values: `t("login.title")`, `t("days", count=3)`.
        csp_nonce: Gives the nonce of this page, for inline scripts and styles of one's own.
        captcha: The widget of a CAPTCHA, if the form needs one.
    """

    page: PageInfo
    brand: Brand
    lang: str
    dir: str
    errors: Errors
    values: Mapping[str, Any]
    data: Any
    facts: Mapping[str, Any]
    urls: Mapping[str, str]
    menu: Sequence[MenuItem]
    username: str | None
    next: str
    home: str
    done: str
    styles: Sequence[str]
    script: str
    passkey_script: str
    t: Callable[..., str]
    csp_nonce: Callable[[], str]
    captcha: Any
