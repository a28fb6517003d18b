"""Look for bugs in the repository as it stands, round after round, until one proves nothing new.

wtman run audit --request "data loss, races, wrong results"
wtman review --audit "data loss, races, wrong results"
"""

from wtman.flow import Finding, Flow, Inputs


class Args(Inputs):
    request: str = "wrong results, crashes, lost data"  # what to look for
    reviewers: int = 4  # in each round, each with a lens of its own
    rounds: int = 6  # at most


LENSES = ("correctness", "security", "concurrency and failure", "boundaries and resources")


async def main(flow: Flow, args: Args) -> list[Finding]:
    async def look() -> list[Finding]:
        # Without a work it is the base that they look through. Each claim comes with a test:
        # only what that shows, and what no refuter can talk away, is confirmed.
        review = await flow.review(lenses=LENSES[: args.reviewers], reviewers=args.reviewers)
        open_ones = [*review.concerns, *(it for it in review.no_verdict if it.id)]
        concerns = "1 concern" if len(open_ones) == 1 else f"{len(open_ones)} concerns"
        flow.log(f"{len(review.confirmed)} confirmed, {concerns}")
        return list(review.confirmed)

    found = await flow.until_dry(look, dry=1, rounds=args.rounds)
    return sorted(found, key=lambda it: ("blocker", "major", "minor").index(it.severity))
