"""What a second factor declares by being defined."""

from piccolo_api_fastapi import SecondFactor
from piccolo_api_fastapi.access import step_up


def test_a_base_class() -> None:
    """A class without a name is a base of factors, and declares none."""
    before = dict(step_up._factors)

    class Half(SecondFactor):
        """Leaves its name to others."""

    assert not hasattr(Half, "name")
    assert before == step_up._factors
