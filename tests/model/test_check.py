"""A check and the folder it runs in, as one text."""

import pytest

from wtman.model.check import CheckCommand, CheckResult, Verdict, check_plain
from wtman.model.ids import Sha
from wtman.provision.command_text import by_hand


@pytest.mark.parametrize("folder", ["", "packages/app", "my dir", "a: b", 'q"uote', "größe"])
@pytest.mark.parametrize("run", ["./test.sh", "in x: y", "command:a b", "a\nb", "in 'x"])
def test_the_text_is_read_back(folder: str, run: str) -> None:
    check = CheckCommand(run, folder)
    if folder or run != "in x: y":
        assert CheckCommand.of(check.text) == check
    assert (check.text == run) is not bool(folder)


@pytest.mark.parametrize("text", ["in ../x: a", "in /etc: a", "in .git: a", 'in "\\u00": a'])
def test_a_folder_elsewhere_is_none(text: str) -> None:
    assert CheckCommand.of(text) == CheckCommand(text)


def test_it_is_told_apart_and_by_hand() -> None:
    plain = check_plain(CheckResult("in packages/app: ./test.sh", Verdict.GREEN))
    assert (plain["command"], plain["in"]) == ("./test.sh", "packages/app")
    line = by_hand(Sha("a" * 40), "in my dir: ./test.sh")
    assert line.endswith("&& (in my dir: ./test.sh)"), "no folder with a space without quotes"
    line = by_hand(Sha("a" * 40), 'in "my dir": ./test.sh {junit} || exit 1')
    assert line.endswith("&& cd 'my dir' && (./test.sh junit.xml || exit 1)")
    assert CheckCommand("a || b", "x").by_hand == "cd x && (a || b)"
