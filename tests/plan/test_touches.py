"""Places of a plan, held against what there is in the base."""

from wtman.formats.definitions import definitions
from wtman.model.ids import TaskId
from wtman.model.places import in_gap, place
from wtman.model.plan import Task
from wtman.plan.known_places import KnownPlaces, sound_places
from wtman.plan.touches import doubtful_touches, in_gaps
from wtman.text.words import fenced

TEXT = "def one():\n    pass\n\n\ndef two():\n    pass\n" + "\n" * 9 + "def three():\n    pass\n"
KNOWN = KnownPlaces(frozenset(("pk/a.py", "pk/b.md")), lambda path: definitions(path, TEXT))


def task(*touches: str, name: str = "core") -> Task:
    return Task(TaskId(name), "do it", touches=touches)


def test_what_there_is_and_what_is_to_come_is_not_in_doubt() -> None:
    sound = ("pk/a.py", "./pk/a.py", "pk/a.py::one", "pk/a.py::after two", "pk/a.py::at end")
    assert (
        doubtful_touches([task(*sound, "pk/new.py", "other/new.py", "pk/b.md::Part")], KNOWN) == ()
    )


def test_what_there_is_not_is_named_with_the_nearest() -> None:
    odd = ("pk/a.py::one()", "pk/a.py::after class Two", "pk//a.py", "**/*.py::one", "pk/a.py::")
    assert doubtful_touches([task(*odd, "lib/a.py", "pk/a.pi::one")], KNOWN) == (
        'core touches "pk/a.py::one()": pk/a.py defines no "one()"; did you mean "one"?',
        'core touches "pk/a.py::after class Two": pk/a.py defines no "class Two";'
        ' did you mean "two"?',
        'core touches "pk//a.py": is read as "pk/a.py"',
        'core touches "**/*.py::one": there is no file "**/*.py"',
        'core touches "pk/a.py::": names no definition behind `::`; without one it is just `path`',
        'core touches "lib/a.py": there is no file "lib/a.py"; did you mean "pk/a.py"?',
        'core touches "pk/a.pi::one": there is no file "pk/a.pi"; did you mean "pk/a.py"?',
    )


def test_one_gap_has_one_name() -> None:
    told = in_gaps([task("pk/a.py::before two"), task("pk/a.py::after one", name="b")], KNOWN)
    assert [item.touches for item in told] == [("pk/a.py::after one",)] * 2
    apart = ("pk/a.py::before one", "pk/a.py::before three", "pk/no.py::before two", "nonsense::")
    assert in_gaps([task(*apart)], KNOWN)[0].touches == apart


def test_what_no_file_can_be_and_wrong_lines_are_in_doubt() -> None:
    odd = ("pk", "pk/a.py/x.py", ".git/config", "pk/a.py::two@90-91", "pk/a.py::two@5-6")
    owned = Task(TaskId("core"), "do it", owns=("/pk/a.py",), touches=("pk/b.md", "pk/a.py"))
    assert doubtful_touches([task(*odd), owned], KNOWN) == (
        'core touches "pk": "pk" is a folder; a place is in one file',
        'core touches "pk/a.py/x.py": "pk/a.py" is a file: nothing can be below it',
        'core touches ".git/config": ".git/config" is git\'s own',
        'core touches "pk/a.py::two@90-91": "two" of pk/a.py is in lines 5-6',
        'core touches "pk/b.md": the task does not own that path',
    )
    # A model is not asked again for the number of a line: the definition is what it meant.
    assert sound_places(["pk/a.py::two@90-91"], KNOWN) == (("pk/a.py::two",), ())


def test_behind_the_last_part_is_behind_the_whole() -> None:
    text = "class A:\n    def one(self):\n        pass\n\n    def two(self):\n        pass\n"
    defined = definitions("a.py", text)
    assert str(in_gap(place("a.py::after A.two"), defined)) == "a.py::after A"
    assert str(in_gap(place("a.py::after A.one"), defined)) == "a.py::after A.one"


def test_foreign_text_cannot_end_its_fence() -> None:
    assert fenced("a\n>>>\n<<< b") == "<<<\na\n >>>\n <<< b\n>>>"
