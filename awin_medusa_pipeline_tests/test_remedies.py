"""How actions are carried out at the command line."""

import pytest

from awin_medusa_pipeline import remedies
from awin_medusa_pipeline.core.errors import Action, PermanentError


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_command(action: Action) -> None:
    typed = remedies.command(action, "0123")
    assert typed.startswith("awin-medusa ")
    assert "{" not in typed
    assert ("0123" in typed) == ("{target}" in remedies.COMMANDS[action])


@pytest.mark.parametrize(
    ("action", "target", "expected"),
    [
        (None, "", "Looking: nothing there. Make one."),
        (Action.MAKE_SECRET_KEY, "", "Looking: nothing there. Make one: awin-medusa etsy key."),
        (Action.APPROVE_PLAN, "0123", "Looking: nothing there. Make one: awin-medusa plans approve 0123."),
    ],
)
def test_the_sentence_of_an_error_names_the_command(action: Action | None, target: str, expected: str) -> None:
    error = PermanentError("Looking", "nothing there", "Make one.", action=action, target=target)
    assert remedies.sentence(error) == expected
