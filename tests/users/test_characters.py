"""Which characters a username may have."""

import sys
import unicodedata

import pytest

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.errors import Unprocessable
from piccolo_api_fastapi.users import identifiers
from piccolo_api_fastapi.users.characters import is_username, is_visible
from tests.conftest import PASSWORD

INVISIBLE = [
    "\u00ad",
    "\u034f",
    "\u061c",
    "\u115f",
    "\u1160",
    "\u17b4",
    "\u17b5",
    "\u180b",
    "\u180e",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u200e",
    "\u202a",
    "\u202e",
    "\u2060",
    "\u2065",
    "\u2066",
    "\u2069",
    "\u2800",
    "\u3164",
    "\ufe0e",
    "\ufe0f",
    "\ufeff",
    "\uffa0",
    "\ufff0",
    "\ufffc",
    "\U000110bd",
    "\U0001bca0",
    "\U0001d159",
    "\U0001d173",
    "\U000e0001",
    "\U000e0041",
    "\U000e007f",
    "\U000e0100",
    "\U000e01ef",
]


@pytest.mark.security(105)
@pytest.mark.parametrize("character", INVISIBLE)
async def test_invisible(users: Users[User], ada: User, character: str) -> None:
    """Nobody gets a name or an address that looks like that of another user, or like none."""
    for name in (
        f"ada{character}",
        f"{character}ada",
        f"a{character}da",
        character,
        f"b{character}",
    ):
        with pytest.raises(Unprocessable) as caught:
            await users.create(name, PASSWORD)
        assert caught.value.codes == ("username_invalid",)
        email = f"{name}@example.com"
        with pytest.raises(Unprocessable) as caught:
            await users.create("bob", PASSWORD, email=email)
        assert caught.value.codes == ("email_invalid",)
        with pytest.raises(Unprocessable):
            identifiers.normal_username(email, 100)
        with pytest.raises(Unprocessable):
            await users.create_service(name)
    assert await User.count() == 1


@pytest.mark.parametrize(
    "name",
    [
        "ada\u3164",
        "\u2800",
        "ada\ufe0f",
        "a\U000e0100da",
        "ada  lovelace",
        "ada\U0001f40e",
        "\u05d0a",
    ],
)
async def test_older_names(users: Users[User], ada: User, name: str) -> None:
    """Users who have such a name already sign in with it, and are found by it."""
    await User.update({User.username: name}).where(User.id == ada.id)
    proof = await users.verify(name, PASSWORD)
    assert proof.user.id == ada.id
    found = await users.find(name)
    assert found is not None
    assert found.id == ada.id
    await users.create("ada", PASSWORD)
    assert (await users.verify("ada", PASSWORD)).user.id != ada.id


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "ada lovelace",
        "ada.lovelace+1_x-y'z!",
        "zoë",
        "straße",
        "зоя",
        "ζωή",
        "άλφας",
        "太郎",
        "たろう",
        "ジョン・スミス",
        "김철수",
        "อาทิตย์",
        "ज़ोया",
        "אבג",
        "אבג1",
        "صفية",
        "زهرا۱",
        "col·lecció",
        "ק״ג",
        "ג׳ורג׳",
        "͵α",
        "αβ͵γ",
        "〇",
    ],
)
def test_accepted(name: str) -> None:
    """Names in all scripts; what is stored is its own normal form."""
    normal = identifiers.normal_username(name, 100)
    assert normal == unicodedata.normalize("NFKC", name)
    assert identifiers.normal_username(normal, 100) == normal


@pytest.mark.parametrize(
    "name",
    [
        " ",
        "\u3000",
        "ada  lovelace",
        "ada\u1680lovelace",
        "ada\tlovelace",
        "\u0301",
        "\u0301ada",
        "ada \u0301",
        "\u20dd",
        "ada\U0001f40e",
        "ada\u2603",
        "ada\u2014b",
        "ada\u0378",
        "ada\ue000",
        "ada\ufdd0",
        "\u1100\u1100",
        "ada\u0640",
        "ada\u07fa",
        "a·b",
        "·",
        "l·",
        "ab\u05f3",
        "\u05f3",
        "α\u0375",
        "\u0375a",
        "a・b",
        "・",
        "אa",
        "aא",
        "1א",
        "א-",
        "א1٢",
        "ص٢۳",
        "٢۳",
        "a ٢۳",
    ],
)
def test_refused(name: str) -> None:
    """Symbols, spaces in a row, marks without a letter, scripts mixed with another direction."""
    with pytest.raises(Unprocessable) as caught:
        identifiers.normal_username(name, 100)
    assert caught.value.codes == ("username_invalid",)


@pytest.mark.slow
def test_all_of_unicode() -> None:
    """No character without ink is accepted; every small letter in its normal form is."""
    refused = []
    for character in map(chr, range(sys.maxunicode + 1)):
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"):
            assert not is_username(f"a{character}a") or character == " "
            assert not is_visible(f"a{character}") or character == " "
        elif category == "Ll" and unicodedata.normalize("NFKC", character) == character:
            assert is_username(character), ascii(character)
        elif category in ("Lo", "Mn", "Mc", "Lm") and not is_username(f"a{character}"):
            refused.append(character)
    assert set("\u0640\u115f\u1160\u3164\ufe0f") <= set(refused)
