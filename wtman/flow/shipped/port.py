"""Make the same change in every file that needs it: a task a file, reviewed and mended.

wtman run port --change "Port it from requests to httpx." --containing "import requests"
"""

from wtman.flow import Flow, Inputs, Work


class Args(Inputs):
    change: str  # what to do with each file
    files: str = "**/*.py"  # which files, as a pattern
    containing: str | None = None  # only files with this text in them
    expect: str | None = None  # what must be true of each file afterwards
    reviewers: int = 2  # of each file; 0 for no reviews
    fixes: int = 3  # times that a file is reviewed and mended


async def main(flow: Flow, args: Args) -> list[Work]:
    files = flow.files(args.files, containing=args.containing)
    flow.log(f"{len(files)} files")

    async def one(path: str) -> Work:
        prompt = f"{args.change}\n\nYour file is {path}."
        work = await flow.session(prompt, owns=[path], expect=args.expect)
        if not args.reviewers:
            return work
        for _ in flow.rounds(args.fixes):
            review = await flow.review(work, reviewers=args.reviewers)
            if not review.confirmed:
                return work
            work = await flow.session(review.as_prompt(), on=work)
        raise flow.give_up(f"still refuted after {args.fixes} rounds", work)

    ported = await flow.map(files, one)
    if ported.failed:
        question = f"{len(ported.failed)} of {len(files)} failed. Keep the rest?"
        await flow.approve(question, show=ported.failed)
    return ported.values
