"""A repository made from a folder: only for ones of wtman's own, such as the demo's."""

from wtman.git.run import git
from wtman.model.plan import Identity


def create(folder: str, who: Identity, message: str, branch: str = "main") -> None:
    """Make `folder` a repository with everything in it as its first commit.

    The identity goes into the repository's own configuration, nothing is signed, and no
    template of the user's brings hooks along.
    """
    git(["init", "-q", "--template=", "-b", branch, folder], git_dir="", cwd=folder)
    settings = {"user.name": who.name, "user.email": who.email, "commit.gpgSign": "false"}
    for key, value in settings.items():
        git(["config", key, value], git_dir="", cwd=folder)
    git(["add", "-A"], git_dir="", cwd=folder)
    author = {"GIT_AUTHOR_NAME": who.name, "GIT_AUTHOR_EMAIL": who.email}
    committer = {"GIT_COMMITTER_NAME": who.name, "GIT_COMMITTER_EMAIL": who.email}
    git(["commit", "-q", "-m", message], git_dir="", cwd=folder, env={**author, **committer})
