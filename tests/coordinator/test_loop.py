"""The loop: what `decide` may leave to it."""

from typing import Any, cast

from wtman.coordinator.loop import _Loop
from wtman.model.actions import ActionKey, ActionKind


class Performed:
    """An action under way that counts how often it is told to stop."""

    cancels = 0

    def cancel(self) -> None:
        self.cancels += 1


def test_an_action_is_cancelled_once_however_often_decide_asks() -> None:
    loop = _Loop(cast(Any, None), lambda state, recorded: None)
    key, performed = ActionKey(ActionKind.SESSION, "a"), Performed()
    loop.running[key] = cast(Any, performed)
    loop._cancel(key)
    loop._cancel(key)
    loop._cancel(ActionKey(ActionKind.CHECK, "a"))
    assert performed.cancels == 1
