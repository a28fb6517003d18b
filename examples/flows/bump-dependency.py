"""One dependency raised in all packages of a monorepo, each mended until its tests pass.

wtman run examples/flows/bump-dependency.py --name pydantic --version 3.0 --test "pytest -q"
"""

from pathlib import PurePath
from shlex import quote

from wtman.flow import Flow, Inputs, Train, Work


class Args(Inputs):
    name: str  # the dependency
    version: str  # the version that is wanted
    test: str  # what has to pass in the folder of each package
    manifests: str = "packages/*/pyproject.toml"  # the packages, as a pattern
    fixes: int = 3  # sessions for each package


async def main(flow: Flow, args: Args) -> Train:
    async def bump(manifest: str) -> Work:
        folder = str(PurePath(manifest).parent)
        prompt = f"Raise {args.name} to {args.version} in {manifest}, and mend what that breaks."
        work: Work | None = None
        for _ in flow.rounds(args.fixes):
            work = await flow.session(prompt, on=work, owns=[f"{folder}/**"])
            ran = await flow.command(f"cd {quote(folder)} && {args.test}", at=work)
            if ran.ok:
                return work
            prompt = f"In {folder} `{args.test}` fails now. Mend it:\n\n{ran.output[-4000:]}"
        raise flow.give_up(f"{args.test} still fails", work)

    manifests = flow.files(args.manifests, containing=args.name)
    bumped = await flow.map(manifests, bump)
    if bumped.failed:
        question = f"{len(bumped.failed)} of {len(manifests)} packages stay behind. Go on?"
        await flow.approve(question, show=bumped.failed)
    return await flow.merge(bumped.values)
