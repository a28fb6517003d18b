"""Several attempts at the same request; the checks and a few judges choose one.

wtman run best-of --request "make the parser twice as fast" --tries 4
wtman run best-of --request "..." --agents claude --agents codex    # each has its tries
"""

from pydantic import BaseModel, Field

from wtman.flow import Flow, Inputs, Work


class Args(Inputs):
    request: str  # what is wanted
    tries: int = 3  # attempts, at the same time
    agents: list[str] = []  # who makes them, in turn; none: the agent of the run
    judges: int = 3  # of each attempt that passed its checks
    measure: str = ""  # a command that has to pass, besides the checks


class Score(BaseModel):
    points: int = Field(ge=0, le=10, description="10: merge as it is; 0: does not do it")
    why: str


async def main(flow: Flow, args: Args) -> Work:
    async def attempt(number: int) -> tuple[float, Work]:
        who = args.agents[(number - 1) % len(args.agents)] if args.agents else None
        work = await flow.session(args.request, title=f"attempt {number}", agent=who)
        if args.measure and not (await flow.command(args.measure, at=work)).ok:
            raise flow.give_up(f"{args.measure} fails", work)
        question = (
            "This checkout is one answer to the request below. Judge correctness first, then "
            f"simplicity, then how well it fits the code around it.\n\n{args.request}"
        )
        scores = await flow.gather(
            *[flow.ask(question, at=work, returns=Score, role="judge") for _ in range(args.judges)]
        )
        points = sum(score.points for score in scores) / max(1, len(scores))
        flow.log(f"attempt {number}: {points:.1f} points")
        return points, work

    many = args.tries * max(1, len(args.agents))
    attempts = await flow.map(range(1, many + 1), attempt)
    if not attempts.values:
        raise flow.give_up("no attempt passed")
    _, best = max(attempts.values, key=lambda it: it[0])
    return best
