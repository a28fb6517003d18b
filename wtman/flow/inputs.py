"""The inputs of a flow: fields of a class, which become options of `wtman run`."""

from pydantic import BaseModel, ConfigDict


class Inputs(BaseModel):
    """Base of a flow's inputs. A field without a default has to be given.

    They are read without executing the file, so a field's type is one of str, int, float, bool,
    Literal[...], list[...] of these or `... | None`, and its default is written out. The help
    of an option is `Field(description="...")` or the comment behind the field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
