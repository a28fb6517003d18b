"""A page of documentation for every module, then one that leads to all of them.

wtman run examples/flows/module-docs.py --files "src/**/*.py"
"""

from pathlib import PurePath

from wtman.flow import Flow, Inputs, Work


class Args(Inputs):
    files: str = "**/*.py"  # the modules, as a pattern
    folder: str = "docs"  # where the pages go


async def main(flow: Flow, args: Args) -> Work:
    modules = [path for path in flow.files(args.files) if flow.read(path).strip()]
    pages = {path: f"{args.folder}/{PurePath(path).with_suffix('.md')}" for path in modules}

    async def describe(path: str) -> Work:
        return await flow.session(
            f"Document the module {path} in the page {pages[path]}: what it is for, each public "
            "name with an example, what it refuses. Say nothing that the code does not do.",
            owns=[pages[path]],
            role="documenter",
        )

    described = await flow.map(modules, describe)
    if described.failed:
        missing = f"{len(described.failed)} of {len(modules)} pages are missing. Go on without?"
        await flow.approve(missing, show=described.failed)
    index = f"{args.folder}/README.md"
    prompt = f"Write {index}: a line for each page below {args.folder}, grouped by subject."
    together = await flow.merge(described.values)
    return await flow.session(prompt, on=together, owns=[index], role="documenter")
