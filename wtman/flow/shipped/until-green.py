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
        failing = f"failing: {', '.join(ran.failed[:20])}\n" if ran.failed else ""
        same = (
            "Your last change made no difference to its output.\n" if ran.output == before else ""
        )
        before = ran.output
        work = await flow.session(
            f"This command fails:\n\n    {args.command}\n\n{failing}{same}Find the cause and mend "
            f"it there.\n\n{ran.output[-6000:]}",
            on=work,
            owns=["**", f"!{args.protect}"] if args.protect else [],
            title=f"make {args.command} pass",
        )
    raise flow.give_up(f"{args.command} still fails after {args.fixes} sessions", work)
