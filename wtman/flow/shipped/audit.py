"""Look for bugs until nothing new comes; only what a command proves counts. Changes nothing.

wtman run audit --request "data loss, races, wrong results" --files "src/**/*.py"
"""

from pydantic import BaseModel, Field

from wtman.flow import Flow, Inputs


class Args(Inputs):
    request: str = "wrong results, crashes, lost data"  # what to look for
    files: str = "**/*.py"  # where, as a pattern
    refuters: int = 2  # of each claim that a command shows
    dry: int = 2  # rounds without news before it ends
    most: int = 6  # rounds, at most


class Claim(BaseModel):
    path: str
    definition: str = Field(description="the function or class that is wrong, by its full name")
    title: str
    why: str
    command: str = Field(
        description="a shell command that fails because of this bug, and passes once it is mended"
    )


class Verdict(BaseModel):
    real: bool
    why: str


LENSES = ("correctness", "concurrency and failure", "boundaries and input", "resources")


async def main(flow: Flow, args: Args) -> list[Claim]:
    files = flow.files(args.files)
    flow.log(f"{len(files)} files")
    judged: set[str] = set()

    async def proved(claim: Claim) -> Claim:
        ran = await flow.command(claim.command, timeout=300)
        if ran.ok:
            raise flow.give_up("its command passes")
        question = (
            f"Somebody claims a bug in {claim.path}, {claim.definition}: {claim.title}\n{claim.why}"
            f"\n\nProof: `{claim.command}` ends with status {ran.status} and prints:\n\n"
            f"{ran.output[-4000:]}\n\nTry to refute it. A command that is itself wrong, or that "
            "expects what nobody promised, proves nothing."
        )
        verdicts = await flow.gather(
            *[flow.ask(question, returns=Verdict, role="refuter") for _ in range(args.refuters)]
        )
        refuted = [verdict.why for verdict in verdicts if not verdict.real]
        if refuted:
            raise flow.give_up(f"refuted: {refuted[0]}")
        return claim

    async def find(known: list[Claim]) -> list[Claim]:
        told = "\n".join(f"- {claim.path} {claim.definition}: {claim.title}" for claim in known)

        async def look(lens: str) -> list[Claim]:
            return await flow.ask(
                f"Audit the files {args.files} of this repository for: {args.request}.\n"
                f"Your lens: {lens}. Known already:\n{told or '- nothing'}",
                returns=list[Claim],
                role="reviewer",
            )

        looked = await flow.map(LENSES, look)
        claims = {place(claim): claim for claims in looked.values for claim in claims}
        new = [claim for where, claim in claims.items() if where not in judged]
        judged.update(claims)
        return (await flow.map(new, proved, by=place)).values

    return await flow.until_dry(find, by=place, dry=args.dry, rounds=args.most)


def place(claim: Claim) -> str:
    """What tells two bugs apart: where they are, never how they are put."""
    return f"{claim.path} {claim.definition}"
