"""Mend what a command complains about, until it passes.

wtman run until-green --command "pytest -q tests/integration"
"""

from wtman.flow import Flow, Inputs, Work


class Args(Inputs):
    command: str  # has to pass; runs in the check sandbox, without network
    fixes: int = 5  # sessions, at most
    protect: str = "tests/**"  # what the sessions must not change, as a pattern; "" for nothing


async def main(flow: Flow, args: Args) -> Work | None:
    work: Work | None = None
    before = ""
    for number in flow.rounds(args.fixes + 1):
        ran = await flow.command(args.command, at=work)
        if ran.ok:
            return work
        if number > args.fixes:
            break
        told = [f"This command fails:\n\n    {args.command}\n"]
        if ran.failed:
            told.append(f"failing: {', '.join(ran.failed[:20])}")
        if work is not None and ran.output == before:
            told.append("Your last change made no difference to its output.")
        told.append(f"Find the cause and mend it there.\n\n{ran.output[-6000:]}")
        before = ran.output
        work = await flow.session(
            "\n".join(told),
            on=work,
            owns=["**", f"!{args.protect}"] if args.protect else [],
            title=f"make {args.command} pass",
        )
    raise flow.give_up(f"{args.command} still fails after {args.fixes} sessions", work)
