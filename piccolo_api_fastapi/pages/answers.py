"""`Answer`: what the API says to a page, and the errors in it for people."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.background import BackgroundTask, BackgroundTasks
from starlette.responses import Response

from .context import Errors
from .declared import Action
from .headers import REPLACED
from .texts import Texts

_COOKIE = b"set-cookie"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The answer of an operation.

    Args:
        status: The status.
        data: The body.
        headers: The headers that the page passes on, cookies among them.
        background: What runs after the response.
        whole: The response itself, if no page can show it: a redirect, or another type than JSON.
    """

    status: int
    data: Any
    headers: tuple[tuple[bytes, bytes], ...] = ()
    background: BackgroundTask | None = None
    whole: Response | None = None

    @classmethod
    def of(cls, response: Response) -> "Answer":
        """Read a response of the API."""
        passed = [
            (name, value)
            for name, value in response.raw_headers
            if name.decode("latin-1").lower() not in REPLACED
        ]
        if not _is_for_pages(response):
            return cls(response.status_code, {}, tuple(passed), response.background, response)
        data = json.loads(bytes(response.body)) if response.body else {}
        return cls(response.status_code, data, tuple(passed), response.background)

    @property
    def is_refusal(self) -> bool:
        """Whether the operation refused."""
        return self.status >= 400  # noqa: PLR2004

    @property
    def code(self) -> str:
        """The stable code of the error."""
        return str(self.data.get("code", "")) if self.is_refusal else ""

    @property
    def waits(self) -> int | None:
        """After how many minutes one may try again, if the error says it."""
        for name, value in self.headers:
            if name.lower() == b"retry-after" and value.isdigit():
                return max(1, math.ceil(int(value) / 60))
        return None

    def after(self, first: "Answer") -> "Answer":
        """Return this answer with the cookies and the background task of an earlier one."""
        cookies = [header for header in first.headers if header[0].lower() == _COOKIE]
        tasks = [task for task in (first.background, self.background) if task is not None]
        background = BackgroundTasks(tasks) if tasks else None
        return replace(self, headers=(*cookies, *self.headers), background=background)

    def to(self, response: Response) -> Response:
        """
        Give a response the headers, cookies and background task of this answer.

        Headers that the response has already stay as they are.
        """
        own = {name.lower() for name, _ in response.raw_headers} - {_COOKIE}
        response.raw_headers.extend(
            (name, value) for name, value in self.headers if name.lower() not in own
        )
        response.background = self.background
        return response


def _is_for_pages(response: Response) -> bool:
    """Return whether a page can show what a response says."""
    is_empty = not getattr(response, "body", True)
    is_json = "json" in response.headers.get("content-type", "")
    return not 300 <= response.status_code < 400 and (is_empty or is_json)  # noqa: PLR2004


def errors_for_people(
    answer: Answer, texts: Texts, t: Callable[..., str], action: Action | None
) -> Errors:
    """
    Return the errors of an answer in the language of the page.

    Texts are found by the stable code of the error: `<page>.error.<code>`, else `error.<code>`. An
    error that has none is shown in the words of the API.

    Args:
        answer: The answer.
        texts: The texts that there are.
        t: Gives a text in the language of the page.
        action: The form that was sent.
    """

    def say(code: str, sentence: str) -> str:
        general = f"error.{code}"
        own = general if action is None else f"{action.error_texts or action.page}.{general}"
        key = own if texts.has(own) else general
        return t(key) if texts.has(key) else sentence

    detail = answer.data.get("detail")
    if isinstance(detail, list):
        hidden = frozenset(() if action is None else action.parsed)
        general: list[str] = []
        fields: dict[str, str] = {}
        for item in detail:
            name = _field(item["loc"])
            sentence = say(item["type"], item["msg"])
            if name and not hidden.intersection(item["loc"]):
                fields.setdefault(name, sentence)
            elif sentence not in general:
                general.append(sentence)
        return Errors(general, fields, answer.code)
    sentences = [say(answer.code, str(detail))]
    if (minutes := answer.waits) is not None:
        sentences.append(t("error.wait", count=minutes))
    return Errors(sentences, {}, answer.code)


def _field(loc: list[Any]) -> str:
    """The name of the field that an error is about, or an empty text."""
    names = [part for part in loc[1:] if isinstance(part, str)]
    return names[-1] if names else ""
