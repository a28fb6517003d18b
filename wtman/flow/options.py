"""Words of a command line as the inputs of a flow, and the help of its options."""

from collections.abc import Iterator, Sequence
from typing import Any

from wtman.errors import UsageError
from wtman.flow.declared_inputs import InputField
from wtman.text.words import did_you_mean, quoted

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def option_of(field: InputField) -> str:
    """`--dry-rounds` for the field dry_rounds."""
    return "--" + field.name.replace("_", "-")


def arguments(fields: Sequence[InputField], words: Sequence[str]) -> dict[str, Any]:
    """The inputs that these words give, with the defaults of the rest. Raises UsageError.

    `--name VALUE` or `--name=VALUE`; a list is given by repeating it, a bool by `--name` or
    `--no-name`.
    """
    options = {option_of(field): field for field in fields}
    flags = {
        "--no-" + option[2:]: field for option, field in options.items() if field.kind == "bool"
    }
    given: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        option, equals, text = word.partition("=")
        if option in flags and not equals:
            given[flags[option].name] = False
            continue
        field = options.get(option)
        if field is None:
            near = did_you_mean(option, [*options, *flags])
            raise UsageError(f"the flow has no input {quoted(word)}{near}", hint=_hint(fields))
        if not equals and field.kind == "bool" and not field.many:
            given[field.name] = True
            continue
        value = _value(field, text if equals else _next(rest, option))
        if field.many:
            given.setdefault(field.name, []).append(value)
        else:
            given[field.name] = value
    missing = [option for option, field in options.items() if _is_missing(field, given)]
    if missing:
        raise UsageError(f"the flow needs {', '.join(missing)}", hint=_hint(fields))
    return {field.name: given.get(field.name, field.default) for field in fields}


def option_lines(fields: Sequence[InputField]) -> list[tuple[str, str]]:
    """Each option with its kind, and what it is for."""
    return [(f"{option_of(it)}{_metavar(it)}", _about(it)) for it in fields]


def _is_missing(field: InputField, given: dict[str, Any]) -> bool:
    return field.required and field.name not in given


def _next(rest: Iterator[str], option: str) -> str:
    for word in rest:
        return word
    raise UsageError(f"{option} needs a value", hint=f"write {option}=VALUE")


def _value(field: InputField, text: str) -> Any:
    match field.kind:
        case "int" | "float":
            try:
                return int(text) if field.kind == "int" else float(text)
            except ValueError:
                kind = "an integer" if field.kind == "int" else "a number"
                raise UsageError(
                    f"{option_of(field)}: expected {kind}, got {quoted(text)}"
                ) from None
        case "bool":
            if text.lower() not in (*_TRUE, *_FALSE):
                raise UsageError(f"{option_of(field)}: expected yes or no, got {quoted(text)}")
            return text.lower() in _TRUE
        case "choice":
            for choice in field.choices:
                if str(choice) == text:
                    return choice
            known = ", ".join(map(str, field.choices))
            raise UsageError(f"{option_of(field)}: expected one of {known}, got {quoted(text)}")
    return text


def _metavar(field: InputField) -> str:
    match field.kind:
        case "bool":
            return ""
        case "choice":
            return f" {'|'.join(map(str, field.choices))}"
    return {"int": " N", "float": " NUMBER"}.get(field.kind, " TEXT")


def _about(field: InputField) -> str:
    notes = ["repeatable"] if field.many else []
    if field.required:
        notes.append("required")
    elif field.default not in (None, "", [], False):
        shown = ", ".join(map(str, field.default)) if field.many else str(field.default)
        notes.append(f"default: {shown}")
    note = f"({'; '.join(notes)})" if notes else ""
    return " ".join(part for part in (field.help, note) if part)


def _hint(fields: Sequence[InputField]) -> str:
    if not fields:
        return "it takes none"
    return "its inputs: " + ", ".join(option_of(field) for field in fields)
