"""What was judged is kept, also where several keep the same at the same time."""

from concurrent.futures import ThreadPoolExecutor

from wtman.git import control_dir, refs
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.integration import candidate_refs
from wtman.model.ids import RunId, Sha


def test_many_may_keep_the_same_commit_at_once(
    here: Repository, ctl: control_dir.Control, head: Sha
) -> None:
    """Two proofs that are run on the same branches put them together at the same time."""
    run = RunId("r")
    tree = history.tree_of(ctl, head)
    for number in range(4):
        made = history.commit(ctl, tree, (head,), f"c{number}", ctl.identity, 1.0)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda commit: candidate_refs.keep(here, run, commit), [made] * 8))
        assert made in refs.read(here, "refs/wtman/candidates/r").values()
