"""A codemod for every file that needs it; a model only where the codemod fails.

The codemod is tools/codemod.py of the repository: it finds the path of its file on stdin, and
ends with another status than 0 where it cannot do it. A failed check is a failure as well.

wtman run examples/flows/codemod.py --change "Call in_cents, not cents." --containing "cents("
"""

from wtman.flow import Flow, Inputs, StepFailed, Work


class Args(Inputs):
    change: str  # what is to be done, for the model
    files: str = "**/*.py"  # which files, as a pattern
    containing: str | None = None  # only files with this text in them


async def main(flow: Flow, args: Args) -> list[Work]:
    async def one(path: str) -> Work:
        try:
            return await flow.session(
                path, owns=[path], agent="command:python3 tools/codemod.py", attempts=1
            )
        except StepFailed as failed:
            flow.log(f"{path} goes to a model: {failed}")
            prompt = f"{args.change} Your file is {path}. A codemod could not do it: {failed}"
            return await flow.session(prompt, owns=[path])

    done = await flow.map(flow.files(args.files, containing=args.containing), one)
    for lost in done.failed:
        flow.log(f"{lost.item} is left: {lost.error}")
    return done.values
