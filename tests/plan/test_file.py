"""Plan files: what is read, what is refused and where, and that writing one reads back."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.errors import UsageError
from wtman.formats.durations import seconds
from wtman.formats.toml_positions import Places, key_lines
from wtman.model.ids import TaskId
from wtman.model.plan import OF_RUN, Plan, Task
from wtman.model.settings import EFFORTS
from wtman.plan.file import dump, from_document, locate, parse, quick_task, slug, validate

FULL = '''\
request = "add OAuth everywhere"
context = """
[[task]]
id = "not this one"
"""
check = "pytest -q"   # [[task]]

[[task]]
id = "core"
prompt = \'\'\'say "hi" # [[task]]\'\'\'

[[task]]
id = "billing"
title = "OAuth for the billing portal"
prompt = "..."
owns = [
    "src/billing/**",  # "]"
    'tests/billing/**',
]
needs = ["core"]
expect = "works"
agent = "claude"
model = "m"
effort = "low"
role = "implementer"
tools = ["read", "write"]
reads = ["docs/**"]
check = ["make test", "command:ruff check"]
timeout = "1h30m"
'''


def task(**given: object) -> Task:
    return Task(**{"id": TaskId("a"), "prompt": "do", **given})  # type: ignore[arg-type]


def refused(text: bytes | str, name: str = "plan.toml") -> str:
    with pytest.raises(UsageError) as caught:
        parse(text, name)
    assert caught.value.status == 2
    assert "\n" not in caught.value.message
    return caught.value.message


def body(**keys: str) -> str:
    """A plan of one task, with keys set as TOML text; None removes one."""
    table = {"id": '"a"', "prompt": '"do"', **keys}
    return "[[task]]\n" + "".join(f"{key} = {value}\n" for key, value in table.items() if value)


def test_every_key_is_read() -> None:
    plan = parse(FULL, "plan.toml")
    assert plan == Plan(
        request="add OAuth everywhere",
        context='[[task]]\nid = "not this one"\n',
        check=("pytest -q",),
        tasks=(
            Task(TaskId("core"), 'say "hi" # [[task]]'),
            Task(
                id=TaskId("billing"),
                title="OAuth for the billing portal",
                prompt="...",
                owns=("src/billing/**", "tests/billing/**"),
                needs=(TaskId("core"),),
                expect="works",
                agent="claude",
                model="m",
                effort="low",
                role="implementer",
                tools=("read", "write"),
                reads=("docs/**",),
                check=("make test", "command:ruff check"),
                timeout=5400.0,
            ),
        ),
    )
    assert parse(FULL.encode(), "plan.toml") == plan
    assert parse(FULL.replace("\n", "\r\n").encode(), "plan.toml") == plan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "plan.toml: the plan has no task"),
        ("task = []", "plan.toml: the plan has no task"),
        ("task = 3", "plan.toml:1: tasks are written as [[task]]"),
        ("request = 1\n" + body(), "plan.toml:1: request: expected a string, got 1"),
        ("# c\nchecks = 1\n" + body(), 'plan.toml:2: unknown key "checks"; did you mean "check"?'),
        ("[tasks]\nid = 1", 'plan.toml:1: unknown key "tasks"; did you mean "task"?'),
        ("a = \n", "plan.toml:1: Invalid value (column 5)"),
        (body() + "id = 'b'", "plan.toml:4: Cannot overwrite a value"),
        (b"\n\xff", "plan.toml:2: is not valid UTF-8"),
        ("request = '\ud800'", "plan.toml:1: is not valid UTF-8"),
        (b"\xef\xbb\xbf" + body().encode(), "plan.toml:1: starts with a byte order mark"),
        (body().encode("utf-16"), "plan.toml:1: starts with a byte order mark"),
        ("a = " + "[" * 9000 + "]" * 9000, "plan.toml: values are nested too deeply"),
        (body(own='["x"]'), 'plan.toml:4: task "a": unknown key "own"; did you mean "owns"?'),
        (body(zzzz="1"), 'plan.toml:4: task "a": unknown key "zzzz"'),
        (body(id=""), "plan.toml:1: task 1: has no id"),
        (body(id="7"), "plan.toml:2: task 1: id: expected a string, got 7"),
        (body(prompt=""), 'plan.toml:1: task "a": has no prompt'),
        (body(prompt='" \\n"'), 'plan.toml:3: task "a": the prompt is empty'),
        (
            body(owns='"src/**"'),
            """plan.toml:4: task "a": owns: expected a list of strings, got 'src/**'""",
        ),
        (body(owns="[1]"), 'plan.toml:4: task "a": owns: expected a string, got 1'),
        (body(check="[[]]"), 'plan.toml:4: task "a": check: expected a string, got []'),
        (body(check='[" "]'), 'plan.toml:4: task "a": check has an empty command'),
        (body(title='"x\\u0000"'), 'plan.toml:4: task "a": title holds a NUL character'),
        (
            body(title=f'"{"x" * 2**20}y"'),
            'plan.toml:4: task "a": title is 1,048,577 bytes long; at most 1,048,576 are allowed',
        ),
        (
            body(prompt=f'"{"é" * 2**19}y"'),
            'plan.toml:3: task "a": prompt is 1,048,577 bytes long; at most 1,048,576 are allowed',
        ),
    ],
)
def test_refusals_name_the_line(text: bytes | str, message: str) -> None:
    assert refused(text) == message


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "true", '"soon"', "1e300", '"-5s"', "[1]"])
def test_a_timeout_is_a_sane_length_of_time(value: str) -> None:
    assert refused(body(timeout=value)).startswith(
        'plan.toml:4: task "a": timeout: expected a time '
    )


def test_a_number_of_thousands_of_digits_is_no_traceback() -> None:
    assert refused(body(timeout="9" * 4000))
    assert refused(body(timeout="9" * 5000))


@pytest.mark.parametrize("name", ["", "-a", "a/b", "é", "a b", "x" * 41, "a.lock", "a\\nb", "A"])
def test_unusable_ids(name: str) -> None:
    message = refused(body(id=f'"{name}"'))
    assert message.startswith('plan.toml:2: task "')
    assert "the id is not 1 to 40 characters of a-z, 0-9 and -" in message


def test_an_unusable_id_comes_with_a_usable_one() -> None:
    with pytest.raises(UsageError) as caught:
        parse(body(id='"Fix the Bug!"'), "p")
    assert caught.value.hint == 'for example id = "fix-the-bug"'


def test_the_names_of_parts_are_not_for_files() -> None:
    with pytest.raises(UsageError) as caught:
        parse(body(id='"a_b"'), "plan.toml")
    assert caught.value.message == (
        'plan.toml:2: task "a_b": an id has no _, which names the parts of a lead'
    )
    assert caught.value.hint == 'for example id = "a-b"'


@pytest.mark.parametrize("key", sorted(OF_RUN))
def test_what_only_a_run_says_of_its_tasks_is_no_key(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(body(**{key: '"x"'}), "plan.toml")
    assert caught.value.message.startswith(f'plan.toml:4: task "a": unknown key "{key}"')
    assert key not in caught.value.hint.replace(",", "").split()


def test_a_lead_is_read() -> None:
    assert parse(body(lead="true"), "p").tasks[0].lead
    assert "lead" in refused(body(lead='"yes"'))


def test_duplicate_ids_without_regard_to_case() -> None:
    two = body() + body() + body(id='"A"')
    assert refused(two) == 'plan.toml:5: task "a": the id is taken by task "a" on line 2'
    assert 'task "A": the id is taken by task "a"' in refused(body() + body(id='"A"'))


@pytest.mark.parametrize(
    "pattern",
    ["", "/", "../x", "a/../../b", "/home/me/x", "C:\\\\x", "a//b", "src\\\\lib", "x[", ".git/x"],
)
def test_unusable_ownership(pattern: str) -> None:
    message = refused(body(owns=f'["ok", "{pattern}"]'))
    assert message.startswith('plan.toml:4: task "a": owns pattern ')


def test_ownership_that_only_takes_away_is_refused() -> None:
    assert "excludes from nothing" in refused(body(owns='["!docs/**"]'))


def test_unknown_needs_and_cycles() -> None:
    missing = body() + body(id='"b"', needs='["zz"]')
    assert refused(missing) == (
        'plan.toml:7: task "b": needs "zz", which is not a task of this plan'
    )
    near = body(id='"core"') + body(id='"b"', needs='["cor"]')
    assert refused(near).endswith('is not a task of this plan; did you mean "core"?')
    ring = body(needs='["b"]') + body(id='"b"', needs='["c"]') + body(id='"c"', needs='["a"]')
    assert refused(ring) == ('plan.toml:4: task "a": the needs form a cycle: a -> b -> c -> a')
    assert refused(body(needs='["a"]')).endswith("a cycle: a -> a")


def test_nothing_foreign_reaches_the_terminal_raw() -> None:
    message = refused(body(id='"\\u001b[31m\\u202e\\n"'))
    assert message.isprintable()
    assert len(refused(body(id=f'"{"x" * 100_000}"'))) < 300
    assert refused('"\\u001b" = 1').isprintable()
    assert refused("a = '\x1b'").isprintable()


def test_the_sum_of_sessions_is_shown() -> None:
    plan = parse(FULL, "p")
    assert validate(plan, max_sessions=2, allow_overlap=False) == ()
    with pytest.raises(UsageError, match="at least 2 tasks = 2 sessions, but at most 1 is"):
        validate(plan, max_sessions=1, allow_overlap=True)
    with pytest.raises(UsageError) as caught:
        validate(plan, max_sessions=6, allow_overlap=True, reviewers=2)
    assert caught.value.message == (
        "the plan needs at least 2 tasks x (1 author + 2 reviewers) + 1 for the whole"
        " = 7 sessions, but at most 6 are allowed"
    )


def test_overlapping_owners_are_refused_with_the_path() -> None:
    text = body(owns='["src/**"]') + body(id='"b"', owns='["*.py"]')
    plan = parse(text, "plan.toml")
    with pytest.raises(UsageError) as caught:
        validate(plan, max_sessions=9, allow_overlap=False, where=locate(text, "plan.toml"))
    said = 'plan.toml:1: tasks "a" and "b" both own "src/a.py", and neither needs the other'
    assert caught.value.message == said
    assert "--allow-overlap" in caught.value.hint
    warnings = validate(plan, max_sessions=9, allow_overlap=True)
    assert warnings == (said.removeprefix("plan.toml:1: "),)


@pytest.mark.parametrize(
    "one, other, hint",
    [
        ("config.py", "billing/**", '; "config.py" matches in every folder: write "/config.py"'),
        ("docs/", "src/**", '; "docs" matches in every folder: write "/docs"'),
        ("config.py", "config.py", ""),
        ("/config.py", "*.py", ""),
        ("src/**", "src/a.py", ""),
    ],
)
def test_names_that_match_in_every_folder_are_pointed_out(one: str, other: str, hint: str) -> None:
    plan = Plan("r", tuple(Task(TaskId(n), "x", owns=(o,)) for n, o in (("a", one), ("b", other))))
    (told,) = validate(plan, max_sessions=9, allow_overlap=True)
    assert ("every folder" in told) is bool(hint) and hint in told


def test_tasks_that_name_no_paths_own_everything() -> None:
    plan = Plan("r", tuple(task(id=name, owns=()) for name in "abc"))
    (said,) = validate(plan, max_sessions=9, allow_overlap=True)
    assert said == "a, b, c own everything, and none of them needs another"


def test_needing_each_other_even_indirectly_allows_an_overlap() -> None:
    chain = (
        task(),
        task(id="b", needs=("a",), owns=("src/**",)),
        task(id="c", needs=("b",)),
    )
    assert validate(Plan("r", chain), max_sessions=9, allow_overlap=False) == ()


def test_many_overlaps_are_counted_not_listed() -> None:
    plan = Plan("r", tuple(task(id=f"t{n}", owns=("src/**",)) for n in range(40)))
    warnings = validate(plan, max_sessions=99, allow_overlap=True)
    assert len(warnings) == 11
    assert warnings[-1] == "770 more pairs of tasks overlap"
    with pytest.raises(UsageError, match="; 779 more pairs overlap too"):
        validate(plan, max_sessions=99, allow_overlap=False)


def test_a_plan_that_no_file_holds_is_held_to_the_same_rules() -> None:
    for bad in (
        task(effort="lots"),
        task(id="Ä"),
        task(timeout=float("nan")),
        task(needs=("x",)),
        task(prompt=""),
    ):
        with pytest.raises(UsageError, match="^task "):
            validate(Plan("r", (bad,)), max_sessions=9, allow_overlap=False)
    with pytest.raises(UsageError, match="^context is not valid UTF-8"):
        validate(Plan("r", (task(),), context="\ud800"), max_sessions=9, allow_overlap=False)


def test_a_planner_may_answer_in_plain_values() -> None:
    plan = from_document({"request": "r", "task": [{"id": "a", "prompt": "do"}]}, Places("answer"))
    assert plan == Plan("r", (task(),))
    with pytest.raises(
        UsageError, match='^answer: task "a": needs: expected a list of strings, got None'
    ):
        from_document({"task": [{"id": "a", "prompt": "x", "needs": None}]}, Places("answer"))


def test_quick_tasks() -> None:
    assert quick_task(" docs : add: a note ") == Task(TaskId("docs"), "add: a note")
    for bad in ("docs", "docs:", ": x", "no id: x", "UP: x", ""):
        with pytest.raises(UsageError, match="--task"):
            quick_task(bad)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ("add OAuth everywhere", "add-oauth-everywhere"),
        ("Überprüfe die Größe!", "uberprufe-die-groe"),
        ("", "run"),
        ("добавить", "run"),
        ("--yes; rm -rf /", "yes-rm-rf"),
        ("x" * 100, "x" * 32),
        ("one two three four five six seven eight", "one-two-three-four-five-six"),
    ],
)
def test_slugs(request_: str, name: str) -> None:
    assert slug(request_) == name


@given(st.text())
def test_a_slug_is_always_usable(request_: str) -> None:
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", slug(request_))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(90, 90), (0.5, 0.5), ("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), (" 1h30m ", 5400)]
    + [("1d", 86400), ("1.5h", 5400)],
)
def test_lengths_of_time(value: object, expected: float) -> None:
    assert seconds(value) == expected


_TEXT = st.text(
    st.one_of(
        st.sampled_from("\"'\\\n\r\t #[]=\x7f\x1b\x85\u2028"),
        st.characters(exclude_characters="\0", exclude_categories=("Cs",)),
    ),
    max_size=30,
)
_PROMPT = _TEXT.filter(lambda text: bool(text.strip()))
_OWNS = st.lists(
    st.sampled_from(["src/**", "*.py", "\\[slug\\]/x", "a b", "it's", 'a"b', "é/"]), max_size=12
)
_TASKS = st.builds(
    Task,
    id=st.just(TaskId("x")),
    prompt=_PROMPT,
    title=_TEXT,
    owns=_OWNS.map(tuple),
    expect=_TEXT,
    agent=_TEXT,
    model=_TEXT,
    effort=st.sampled_from(["", *EFFORTS]),
    role=_TEXT,
    tools=st.lists(_TEXT, max_size=3).map(tuple),
    reads=_OWNS.map(tuple),
    check=st.lists(_PROMPT, max_size=3).map(tuple),
    lead=st.booleans(),
    timeout=st.one_of(st.just(0.0), st.floats(0, 1e6), st.integers(0, 10**6).map(float)),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    import dataclasses

    drawn = draw(st.lists(_TASKS, min_size=1, max_size=4))
    named = tuple(
        dataclasses.replace(
            one,
            id=TaskId(f"t{number}"),
            needs=tuple(TaskId(f"t{n}") for n in sorted(draw(st.sets(st.integers(0, number))))),
        )
        for number, one in enumerate(drawn)
    )
    kept = tuple(
        dataclasses.replace(one, needs=tuple(need for need in one.needs if need != one.id))
        for one in named
    )
    check = tuple(draw(st.lists(_PROMPT, max_size=3)))
    return Plan(request=draw(_TEXT), tasks=kept, context=draw(_TEXT), check=check)


@given(plans())
def test_a_written_plan_reads_back_equal_and_its_lines_are_found(plan: Plan) -> None:
    text = dump(plan)
    assert parse(text, "p") == plan
    assert parse(text.encode(), "p") == plan
    lines = text.split("\n")
    where = locate(text, "p")
    for number, one in enumerate(plan.tasks):
        assert lines[where.line("task", number) - 1] == "[[task]]"
        assert lines[where.line("task", number, "id") - 1] == f'id = "{one.id}"'
        assert lines[where.line("task", number, "prompt") - 1].startswith("prompt = ")
        if one.timeout:
            assert lines[where.line("task", number, "timeout") - 1].startswith("timeout = ")


def test_a_written_plan_is_pleasant() -> None:
    plan = Plan("r", (task(prompt='one\n\n"two"\n', owns=("a[0-9]/*",), timeout=900.0), task()))
    assert dump(plan) == (
        'request = "r"\n\n[[task]]\nid = "a"\nprompt = """\none\n\n\\"two\\"\n"""\n'
        'owns = [\n    "a[0-9]/*",\n]\ntimeout = 900\n\n[[task]]\nid = "a"\nprompt = "do"\n'
    )


def test_lines_of_every_kind_of_key() -> None:
    text = (
        'a.b = 1 # x\n"q.k" = """\n\\"""\nz = 2 """\n\n[t.u]\nx = [ # ]\n "]", [1,\n 2]]\n'
        "''=''''a''b'''''\n[[t.l]]\ny=1\n[t.l.sub]\nz={a=1,b=[']']}\n[[t.l]]\n"
        'y=2979-05-27 07:32:00\ne="\\"#"\nf=""\n"\\u0041"=1'
    )
    tomllib.loads(text)
    assert key_lines(text) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("q.k",): 2,
        ("t", "u"): 6,
        ("t", "u", "x"): 7,
        ("t", "u", ""): 10,
        ("t", "l", 0): 11,
        ("t", "l", 0, "y"): 12,
        ("t", "l", 0, "sub"): 13,
        ("t", "l", 0, "sub", "z"): 14,
        ("t", "l", 1): 15,
        ("t", "l", 1, "y"): 16,
        ("t", "l", 1, "e"): 17,
        ("t", "l", 1, "f"): 18,
        ("t", "l", 1, "A"): 19,
    }


def test_a_thousand_tasks_with_long_prompts_read_quickly() -> None:
    plan = Plan("r", tuple(task(id=f"t{n}", prompt="line 'x'\n" * 500) for n in range(1000)))
    assert parse(dump(plan), "p") == plan
    big = Plan("r", (task(prompt="'''\"\n" * 200_000),))
    assert parse(dump(big), "p") == big


def test_what_would_take_long_to_read_is_refused_with_its_limit() -> None:
    deep = ".".join("a" * 40_000)
    many = "p.toml:1: more than 500,000 keys, values and signs"
    for text, why in {
        f"{deep} = 1": "p.toml:1: a key has more than 32 parts",
        f"x = 1\n[{deep}]": "p.toml:2: a key has more than 32 parts",
        f'x = {{ "a" . {deep} = 1 }}': "p.toml:1: a key has more than 32 parts",
        "x = [" + "1.5," * 300_000 + "]": many,
        "x=" + "[" * 1_000_000: "p.toml: values are nested too deeply",
        "#" * (9 << 20): "p.toml: is larger than 8 MiB",
        '[[task]]\nid="a"\n' * 10_001: "p.toml: the plan has 10,001 tasks; at most 10,000",
    }.items():
        with pytest.raises(UsageError) as caught:
            parse(text, "p.toml")
        assert caught.value.message == why
    for owns, why in {
        f"{['x'] * 501}": "owns has 501 patterns; at most 500 are allowed",
        f"['{'**/a/' * 300}']": "has 1,500 characters; at most 1,000 are allowed",
    }.items():
        with pytest.raises(UsageError, match=re.escape(why)):
            parse(f"[[task]]\nid='a'\nprompt='p'\nowns={owns}\n", "p.toml")
    # Dots in texts and comments are no keys.
    dots = "a." * 1000
    texts = f'request = "{dots}"\ncontext = """{dots}"""\n# {dots}\n'
    assert parse(texts + f"[[task]]\nid='a'\nprompt='''{dots}'''\n", "p").request == dots
