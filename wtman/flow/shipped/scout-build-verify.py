"""Look first, then build all parts at the same time, then review the whole.

wtman run scout-build-verify --request "add OAuth everywhere"
"""

from pydantic import BaseModel, Field

from wtman.flow import Flow, Inputs, Train, Work


class Args(Inputs):
    request: str  # what is wanted
    areas: int = 6  # parts of the repository that are looked at, at most
    reviewers: int = 2  # of each part, and of the whole
    fixes: int = 3  # times that it is reviewed and mended


class Part(BaseModel):
    title: str
    prompt: str
    owns: list[str] = Field(description="gitignore-style patterns of the paths it may change")


class Cut(BaseModel):
    contract: str = Field(description="names and signatures that several parts rely on")
    parts: list[Part] = Field(min_length=1, description="no two own the same path")


async def main(flow: Flow, args: Args) -> Work | Train:
    async def mended(work: Work | Train) -> Work | Train:
        for _ in flow.rounds(args.fixes):
            review = await flow.review(work, reviewers=args.reviewers)
            if not review.confirmed:
                return work
            work = await flow.session(review.as_prompt(), on=work)
        raise flow.give_up(f"still refuted after {args.fixes} rounds")

    flow.phase("scout")
    which = f"Which areas of this repository does this request concern? {args.request}"
    areas = await flow.ask(which, returns=list[str])

    async def look(area: str) -> str:
        return await flow.ask(
            f"Look at {area}. For the request below: which definitions change, where does new "
            f"code go, what depends on it, which tests cover it?\n\n{args.request}"
        )

    reports = await flow.map(dict.fromkeys(areas[: args.areas]), look)
    known = "\n\n".join(f"{it.item}:\n{it.value}" for it in reports if it.ok)

    flow.phase("build")
    how = "Cut this request into parts that can be built at the same time."
    cut = await flow.ask(f"{how}\n\n{args.request}\n\n{known}", returns=Cut, role="planner")

    async def build(part: Part) -> Work | Train:
        return await mended(
            await flow.session(part.prompt, owns=part.owns, context=cut.contract, title=part.title)
        )

    built = await flow.map(cut.parts, build, by=lambda part: part.title)
    for lost in built.failed:
        flow.log(f"{lost.item.title}: {lost.error}")

    flow.phase("verify")
    return await mended(await flow.merge(built.values))
